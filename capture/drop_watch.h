// Turns what a live source's counters say, reading by reading, into the windows of capture time in
// which packets may have been missed. It never reads a counter or a clock: they are handed in.
#pragma once

#include <cstdint>

#include "analyzer/capture_gaps.h"
#include "analyzer/units.h"

namespace lossgazer {

// A look at both clocks. Packets are stamped by the wall clock, which may be set; the steady one
// tells when it was.
struct ClockReading {
  CaptureTime wall;
  Duration steady{};

  [[nodiscard]] static ClockReading now();
};

// A look at a source's counters, which may be taken at any moment from `before` to `after`.
struct DropReading {
  ClockReading before;
  ClockReading after;
  uint64_t kernel_drops = 0;
  uint64_t interface_drops = 0;
  // What was captured until then has been read, and is in a queue or noted as refused.
  CaptureTime handed_on;
};

// Not thread-safe.
class DropWatch {
 public:
  // A packet is stamped that much before it is counted as dropped, at most: it may wait for its
  // turn on a busy processor in between.
  static constexpr Duration kStampToCount = std::chrono::milliseconds(20);
  // Drivers fetch the card's own counters now and then, by a timer of up to that.
  static constexpr Duration kCardDelay = std::chrono::seconds(2);

  // Capture begins at `opened`, before the first reading, with all counters at 0. What the source
  // missed before is in `gaps`.
  DropWatch(const CaptureGaps& gaps, const ClockReading& opened);

  void on_reading(const DropReading& reading);
  // A queue refused packets captured in [first, last].
  void on_refusal(CaptureTime first, CaptureTime last) noexcept { gaps_.add(first, last); }
  // No packet will be read any more. `vanished`: packets may have been missed since the reading
  // before the last one, and no counter was left to say so.
  void on_end(bool vanished) noexcept;

  [[nodiscard]] const CaptureGaps& gaps() const { return gaps_; }

 private:
  void add_since_last(const DropReading& reading, Duration lead) noexcept;

  CaptureGaps gaps_;
  ClockReading earlier_;  // before the reading before the last
  ClockReading last_;     // before the last reading
  uint64_t kernel_drops_ = 0;
  uint64_t interface_drops_ = 0;
};

}  // namespace lossgazer
