#include "capture/limited_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lossgazer {
namespace {

constexpr int kAtOnce = 10;
constexpr auto kInterval = std::chrono::seconds(10);
constexpr auto kQuiet = std::chrono::seconds(30);

}  // namespace

void LimitedLog::write(std::string_view name, LogLevel level, std::string_view text, Time now) {
  auto found = kinds_.find(name);
  if (found == kinds_.end()) {
    found = kinds_.emplace(name, Kind{.room = kAtOnce, .refilled = now, .last_left_out = {}}).first;
  }
  Kind& kind = found->second;
  const auto intervals = std::max<int64_t>((now - kind.refilled) / kInterval, 0);
  kind.refilled += intervals * kInterval;
  kind.room = static_cast<int>(std::min<int64_t>(kind.room + intervals, kAtOnce));
  if (kind.room == 0) {
    ++kind.left_out;
    kind.last_left_out = now;
    return;
  }
  --kind.room;
  const uint64_t left_out = std::exchange(kind.left_out, 0);
  if (!write_) return;
  if (left_out == 0) return write_(level, text);
  write_(level, fmt::format("{} ({} more of this kind before it were suppressed)", text, left_out));
}

void LimitedLog::settle(Time now) {
  for (auto& [name, kind] : kinds_) {
    if (kind.left_out == 0 || now - kind.last_left_out < kQuiet) continue;
    const uint64_t left_out = std::exchange(kind.left_out, 0);
    if (write_) write_(LogLevel::kWarning, fmt::format("{}: {} lines suppressed", name, left_out));
  }
}

}  // namespace lossgazer
