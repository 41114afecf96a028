#include "metrics/process_families.h"

#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lossgazer {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

struct ProcessStat {
  uint64_t start_ticks = 0;  // since boot
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;
};

std::optional<ProcessStat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  // The second field is the program's name in parentheses and may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) rest >> skipped;
  ProcessStat stat;
  rest >> stat.start_ticks >> stat.virtual_bytes >> stat.resident_pages;
  return rest ? std::optional(stat) : std::nullopt;
}

std::optional<uint64_t> read_boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  uint64_t seconds = 0;
  while (file >> word) {
    if (word == "btime" && file >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> open_descriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  // Not counting the one that reads the directory.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return std::chrono::duration<double>(std::chrono::seconds(time.tv_sec) +
                                         std::chrono::microseconds(time.tv_usec))
        .count();
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void single(std::string_view name, std::string_view help, MetricType type,
            std::optional<double> value, const FamilySink& sink) {
  if (!value) return;
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  auto& metric = family.metric.emplace_back();
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
  sink(std::move(family));
}

}  // namespace

void process_families(const FamilySink& sink) {
  // Constant, and /proc/stat is long on large machines.
  static const std::optional<uint64_t> boot_time = read_boot_time();
  const std::optional<ProcessStat> stat = read_stat();
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);

  single("process_cpu_seconds_total", "User and system time spent.", MetricType::Counter,
         cpu_seconds(), sink);
  single("process_open_fds", "Open file descriptors. Healthy: well below process_max_fds.",
         MetricType::Gauge, open_descriptors(), sink);
  single("process_max_fds", "File descriptors this process may open.", MetricType::Gauge,
         static_cast<double>(descriptors.rlim_cur), sink);
  if (!stat) return;
  single("process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge,
         static_cast<double>(stat->virtual_bytes), sink);
  single(
      "process_resident_memory_bytes", "Resident memory. Healthy: levels off.", MetricType::Gauge,
      static_cast<double>(stat->resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)), sink);
  if (!boot_time) return;
  single("process_start_time_seconds", "When this process started, since 1970.", MetricType::Gauge,
         static_cast<double>(*boot_time) +
             static_cast<double>(stat->start_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)),
         sink);
}

}  // namespace lossgazer
