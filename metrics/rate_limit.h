// A token bucket: so many requests at once, then one an interval. It reads no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>

#include "metrics/web_config.h"

namespace lossgazer {

// Any thread may call it.
class RateLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit RateLimit(const RateLimitConfig& config) : config_(config) {}

  // Whether a request at `now` is within the limit; if so, it is counted.
  [[nodiscard]] bool admit(TimePoint now) {
    if (config_.interval.count() == 0) return true;
    const std::lock_guard lock(mutex_);
    // The bucket, as the time at which it is full: each request moves that on by an interval.
    const TimePoint full = std::max(full_, now) + config_.interval;
    if (full - now > config_.interval * config_.burst) return false;
    full_ = full;
    return true;
  }

 private:
  const RateLimitConfig config_;
  std::mutex mutex_;
  TimePoint full_;
};

}  // namespace lossgazer
