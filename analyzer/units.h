// Time as packets carry it.
#pragma once

#include <chrono>
#include <cstdint>

namespace lossgazer {

using Duration = std::chrono::nanoseconds;

// The clock of captured packets: nanoseconds since 1970, UTC. It has no now(): the analyzer learns
// the time from packets and from tick().
struct CaptureClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CaptureClock>;
  static constexpr bool is_steady = false;
};

using CaptureTime = CaptureClock::time_point;

// Packets are stamped from 1970 to 2116: the sum or difference of two such stamps still is a time.
inline constexpr CaptureTime kEarliestStamp{};
inline constexpr CaptureTime kLatestStamp{Duration((int64_t{1} << 62) - 1)};

}  // namespace lossgazer
