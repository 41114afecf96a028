#include "analyzer/flow_clock.h"

#include <algorithm>
#include <utility>

namespace lossgazer {

CaptureTime FlowClock::at_step(CaptureTime stamp) noexcept {
  stamp = std::clamp(stamp, kEarliestStamp, kLatestStamp);
  if (!started_) {
    started_ = true;
    newest_ = stamp;
  }
  CaptureTime time = stamp + ahead();
  const bool back = time < newest_ - kStepMin;
  const bool leap = time > newest_ + kStepMin;
  if (back || leap) {
    if (is_of_other(stamp)) {
      left_other_ = stepped_ = newest_;
      std::swap(clock_, other_);
      time = stamp + ahead();
    } else if (back || ticked_ || time > kLatestStamp) {
      begin_clock(stamp);
      time = newest_;
    }
  }
  newest_ = std::clamp(time, newest_, kLatestStamp);
  return time;
}

bool FlowClock::is_of_other(CaptureTime stamp) const noexcept {
  if (other_ == clock_ || newest_ - left_other_ > kStepMin) return false;
  const CaptureTime time = stamp + ahead_[other_];
  return newest_ - kStepMin <= time && time <= newest_ + kStepMin;
}

void FlowClock::begin_clock(CaptureTime stamp) noexcept {
  other_ = clock_;
  do {
    last_begun_ = static_cast<uint16_t>((last_begun_ + 1) % kClocks);
  } while (last_begun_ == other_);
  left_other_ = stepped_ = newest_;
  clock_ = last_begun_;
  ahead_[clock_] = newest_ - stamp;
}

}  // namespace lossgazer
