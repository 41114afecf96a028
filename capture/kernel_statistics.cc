#include "capture/kernel_statistics.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace lossgazer {
namespace {

// Of the thread that opens them, whichever namespace the process began in.
constexpr std::array kFiles = {"/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"};
constexpr const char* kIpv6File = "/proc/thread-self/net/snmp6";

// Takes the part of `text` up to `end`, which goes with it.
std::string_view take_until(std::string_view& text, char end) {
  const std::string_view part = text.substr(0, text.find(end));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

// The next word; empty at the end.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

std::string read_all(int file) {
  std::string text;
  std::array<char, 8192> part{};
  for (;;) {
    const ssize_t got = pread(file, part.data(), part.size(), static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(part.data(), static_cast<size_t>(got));
  }
}

void take_value(KernelReading& reading, std::string_view name, std::string_view value) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.begin(), value.end(), number);
  if (error != std::errc() || end != value.end()) return;
  if (name == "IpForwDatagrams" || name == "Ip6OutForwDatagrams") reading.forwarded += number;
  const auto* const known = std::ranges::find(kKernelCounterName, name);
  if (known == kKernelCounterName.end()) return;
  reading.tcp.values[static_cast<size_t>(known - kKernelCounterName.begin())] = number;
}

}  // namespace

void KernelReading::take(std::string_view text) {
  while (!text.empty()) {
    std::string_view names = take_until(text, '\n');
    const std::string_view first = take_word(names);
    if (!first.ends_with(':')) {
      take_value(*this, first, take_word(names));
      continue;
    }
    std::string_view values = take_until(text, '\n');
    if (take_word(values) != first) continue;
    const std::string line(first.substr(0, first.size() - 1));
    for (std::string_view name = take_word(names); !name.empty(); name = take_word(names)) {
      take_value(*this, line + std::string(name), take_word(values));
    }
  }
}

KernelStatistics::KernelStatistics() {
  for (const char* path : kFiles) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
      const int error = errno;
      for (const int opened : files_) close(opened);
      throw std::runtime_error(fmt::format("read the kernel's TCP counters: {}: {}; mount /proc",
                                           path, std::generic_category().message(error)));
    }
    files_.push_back(file);
  }
  // Without IPv6 there is none, and nothing is forwarded by it.
  if (const int file = open(kIpv6File, O_RDONLY | O_CLOEXEC); file >= 0) files_.push_back(file);
}

KernelStatistics::~KernelStatistics() {
  for (const int file : files_) close(file);
}

KernelReading KernelStatistics::read() const {
  KernelReading reading;
  for (const int file : files_) reading.take(read_all(file));
  return reading;
}

}  // namespace lossgazer
