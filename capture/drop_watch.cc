#include "capture/drop_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace lossgazer {

// Between its looks at the two clocks a thread may have to wait for its processor, which would pass
// for a clock that was set. So the steady one is looked at before and after, and the closest pair
// of a few counts.
ClockReading ClockReading::now() {
  constexpr int kAttempts = 8;
  constexpr Duration kCloseEnough = std::chrono::milliseconds(1);
  const auto steady_now = [] {
    return Duration(std::chrono::steady_clock::now().time_since_epoch());
  };
  ClockReading best;
  Duration least = Duration::max();
  for (int i = 0; i < kAttempts && least > kCloseEnough; ++i) {
    const Duration before = steady_now();
    const CaptureTime wall(
        std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
    const Duration between = steady_now() - before;
    if (between >= least) continue;
    least = between;
    best = {.wall = wall, .steady = before};
  }
  return best;
}

DropWatch::DropWatch(const CaptureGaps& gaps, const ClockReading& opened)
    : gaps_(gaps), earlier_(opened), last_(opened) {
  gaps_.resume(opened.wall);
}

void DropWatch::on_reading(const DropReading& reading) {
  if (reading.kernel_drops != kernel_drops_) add_since_last(reading, kStampToCount);
  if (reading.interface_drops != interface_drops_) add_since_last(reading, kCardDelay);
  kernel_drops_ = reading.kernel_drops;
  interface_drops_ = reading.interface_drops;

  // The queues are told of by the frames that were read, the ring by its counter.
  const CaptureTime known = std::min(reading.before.wall, reading.handed_on) - kStampToCount;
  const Duration passed = reading.before.steady - last_.steady;
  const bool set_back = reading.before.wall - last_.wall < passed - kStampToCount;
  // It does not go back when the reader merely falls behind: what was known stays known.
  if (set_back || known > gaps_.known_until()) gaps_.set_known_until(known);
  earlier_ = std::exchange(last_, reading.before);
}

void DropWatch::on_end(bool vanished) noexcept {
  gaps_.close((vanished ? earlier_ : last_).wall - kStampToCount);
}

// The drops counted by this reading and not by the last were stamped between the moments before
// the one and after the other. If the wall clock was set meanwhile, that was so long from the one
// on, or so long before the other.
void DropWatch::add_since_last(const DropReading& reading, Duration lead) noexcept {
  const Duration passed = reading.after.steady - last_.steady;
  const CaptureTime first = last_.wall - lead;
  if (reading.after.wall - last_.wall >= passed - kStampToCount) {
    gaps_.add(first, reading.after.wall);  // not set back
    return;
  }
  gaps_.add(first, last_.wall + passed);
  gaps_.add(reading.after.wall - passed - lead, reading.after.wall);
}

}  // namespace lossgazer
