#include "app/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "metrics/json_text.h"

namespace lossgazer {
namespace {

constexpr const char* kLogger = "lossgazer";

// One line a record. spdlog's own patterns cannot escape a text.
class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(LogFormat format) : format_(format) {}

  void format(const spdlog::details::log_msg& record, spdlog::memory_buf_t& line) override {
    const auto time = std::chrono::time_point_cast<std::chrono::milliseconds>(record.time);
    const auto level = spdlog::level::to_string_view(record.level);
    const std::string_view level_name(level.data(), level.size());
    const std::string text = json_quote({record.payload.data(), record.payload.size()});
    const auto* pattern = format_ == LogFormat::kJson
                              ? "{{\"time\":\"{0:%FT%T}Z\",\"level\":\"{1}\",\"msg\":{2}}}\n"
                              : "time={0:%FT%T}Z level={1} msg={2}\n";
    fmt::format_to(std::back_inserter(line), fmt::runtime(pattern), time, level_name, text);
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_);
  }

 private:
  LogFormat format_;
};

spdlog::level::level_enum level_of(LogThreshold level) {
  switch (level) {
    case LogThreshold::kDebug:
      return spdlog::level::debug;
    case LogThreshold::kInfo:
      return spdlog::level::info;
    case LogThreshold::kWarning:
      return spdlog::level::warn;
    case LogThreshold::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void set_up_log(const LogOptions& options) {
  auto logger = spdlog::get(kLogger);
  // Replacing the default is not safe while others log; changing it is.
  if (!logger) {
    logger = spdlog::stderr_logger_mt(kLogger);
    spdlog::set_default_logger(logger);
  }
  logger->set_formatter(std::make_unique<LineFormatter>(options.format));
  logger->set_level(level_of(options.level));
  logger->flush_on(spdlog::level::trace);
}

bool log_is_set_up() { return spdlog::get(kLogger) != nullptr; }

void log_line(LogLevel level, std::string_view text) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::debug("{}", text);
    case LogLevel::kInfo:
      return spdlog::info("{}", text);
    case LogLevel::kWarning:
      return spdlog::warn("{}", text);
    case LogLevel::kError:
      return spdlog::error("{}", text);
  }
}
void log_info(std::string_view text) { log_line(LogLevel::kInfo, text); }
void log_warning(std::string_view text) { log_line(LogLevel::kWarning, text); }

}  // namespace lossgazer
