// The time that flows live by: what packets are stamped with, less the steps that the clock which
// stamps them was set by. It never reads a clock.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "analyzer/units.h"

namespace lossgazer {

// A clock that is set back by an hour would freeze all that waits for a time to come, and make what
// comes next look older than what it answers; one that is set forward would end every flow. So a
// stamp further than kStepMin from the newest is not believed: from there on, time passes as the
// clock that gave that stamp says, beginning where it was.
//
// - Backwards, that is always so. Packets out of order are closer.
// - Forwards, only where ticks come all the time, so that no time can pass in one leap. In a file,
//   what lies between two packets is time that passed.
// - The clock before the last step goes on to be known, so that packets of two clocks may mix, as
//   they do around a step and in files that were merged.
//
// A smaller step looks like packets out of order, or like a pause, and is taken for that.
//
// Not thread-safe.
class FlowClock {
 public:
  static constexpr Duration kStepMin = std::chrono::seconds(10);
  // Which of the last clocks a packet was stamped by: a number below this.
  static constexpr uint16_t kClocks = 16;

  // `ticked`: between two calls of at(), less than kStepMin passes.
  explicit FlowClock(bool ticked) : ticked_(ticked) {}

  // When that was, for flows. Stamps before 1970 and after 2116 count as of these years. The result
  // is within kStepMin of the largest until now, or later if time passed.
  [[nodiscard]] CaptureTime at(CaptureTime stamp) noexcept {
    const bool sane = kEarliestStamp <= stamp && stamp <= kLatestStamp;
    const CaptureTime time = sane ? stamp + ahead() : CaptureTime::min();
    const bool near = newest_ - kStepMin <= time && time <= newest_ + kStepMin;
    if (!near || !started_ || time > kLatestStamp) return at_step(stamp);
    newest_ = std::max(newest_, time);
    return time;
  }
  // Which clock gave the last stamp.
  [[nodiscard]] uint16_t clock() const noexcept { return clock_; }
  // What the packet was stamped with, which at() told `time` of.
  [[nodiscard]] CaptureTime stamp_of(CaptureTime time, uint16_t clock) const noexcept {
    return time - ahead_[clock];
  }

  // How far it runs ahead of the clock that gave the last stamp.
  [[nodiscard]] Duration ahead() const noexcept { return ahead_[clock_]; }
  [[nodiscard]] CaptureTime newest() const noexcept { return newest_; }
  // When it went on by another clock for the last time; CaptureTime::min() if it never did.
  [[nodiscard]] CaptureTime stepped() const noexcept { return stepped_; }

 private:
  // at() for the first stamp, and for those that a set clock may have given.
  [[nodiscard]] CaptureTime at_step(CaptureTime stamp) noexcept;
  // The clock before the last step was in use lately, and gave it.
  [[nodiscard]] bool is_of_other(CaptureTime stamp) const noexcept;
  void begin_clock(CaptureTime stamp) noexcept;

  bool ticked_;
  bool started_ = false;
  uint16_t clock_ = 0;
  uint16_t other_ = 0;  // the one before the last step; the same: there was none
  uint16_t last_begun_ = 0;
  CaptureTime newest_;      // these by flows' time
  CaptureTime left_other_;  // when packets last went by it
  CaptureTime stepped_ = CaptureTime::min();
  std::array<Duration, kClocks> ahead_{};  // by clock: flows' time, less what that says
};

}  // namespace lossgazer
