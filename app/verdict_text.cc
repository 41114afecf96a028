#include "app/verdict_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "metrics/metric_names.h"

namespace lossgazer {
namespace {

PeerKey::Kind kind_of(const Verdict& verdict) {
  return verdict.direction ? PeerKey::Kind::kAddress : PeerKey::Kind::kPair;
}

}  // namespace

std::string rfc3339(CaptureTime time) {
  const std::chrono::sys_time<Duration> utc(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(utc);
  return fmt::format("{:%FT%T}.{:09}Z", seconds, (utc - seconds).count());
}

std::string_view direction_of(const Verdict& verdict) {
  return direction_name(kind_of(verdict), verdict.direction.value_or(Direction::kEgress));
}

std::string_view side_of(const Verdict& verdict) {
  return side_name(verdict.side.value(), kind_of(verdict),
                   verdict.direction.value_or(Direction::kEgress));
}

}  // namespace lossgazer
