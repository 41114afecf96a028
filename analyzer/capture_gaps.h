// When one source of packets may have missed some of its own: what its ring, its card or a queue
// dropped, and the time it was not open. Never says which packet, nor that one was missed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "analyzer/units.h"

namespace lossgazer {

// A sorted list of windows of capture time in which packets may have been missed, and a watermark:
// up to when that is known. Whoever would count a loss asks known() first, and may_have_missed()
// only if it holds; a loss that may be our own miss is none, and one not known yet has to wait.
//
// As constructed it is a file's: nothing was missed, and all is known. A live source's begins as
// not_told(), and its reader keeps it. Bounded; whatever is forgotten makes more time suspect,
// never less. A value: may be copied between threads. Not thread-safe.
class CaptureGaps {
 public:
  static constexpr size_t kMax = 32;
  // Windows this close are one: packets are stamped, dropped and counted in no strict order.
  static constexpr Duration kMergeWithin = std::chrono::milliseconds(20);
  // No packet comes this long after the last reading, unless the clock was set or the reader was
  // stopped. So what is later still was stamped by another clock: nothing vouches for it, and
  // nothing ever will.
  static constexpr Duration kHorizon = std::chrono::seconds(10);

  CaptureGaps() = default;
  // A live source that nothing was heard of yet: all may have been missed, and none of it is known.
  [[nodiscard]] static CaptureGaps not_told();

  // Whether it is settled if a packet of `time` was missed.
  [[nodiscard]] bool known(CaptureTime time) const noexcept {
    return time <= known_until_ || is_beyond_horizon(time);
  }
  // Whether a packet that should have been captured in [begin, end] may have been missed by us.
  [[nodiscard]] bool may_have_missed(CaptureTime begin, CaptureTime end) const noexcept {
    if (count_ == 0 || begin > windows_[count_ - 1].end) return is_beyond_horizon(end);
    return overlaps(begin, end) || is_beyond_horizon(end);
  }

  // Packets may have been missed in [begin, end]. At most kMax windows are kept: then the two
  // oldest become one, with the time between them.
  void add(CaptureTime begin, CaptureTime end) noexcept;
  // All that was missed up to `time` has been added. Earlier than before: the clock was set back,
  // and windows later than that by more than the horizon are of a time that no longer counts.
  void set_known_until(CaptureTime time) noexcept;
  // From `time` on nothing is captured, which is known for ever, or until resume().
  void close(CaptureTime time) noexcept;
  // Capture begins, or begins again, at `time`: until then everything was missed since close(), or
  // ever.
  void resume(CaptureTime time) noexcept;

  // What either of two readers of one source may have missed, and what both know.
  void merge(const CaptureGaps& other) noexcept;

  // The same by flows' time, which goes `ahead` of the clock since `since` and is `now`: see
  // FlowClock. Before `since` all may have been missed.
  [[nodiscard]] CaptureGaps moved(Duration ahead, CaptureTime since,
                                  CaptureTime now) const noexcept;

  [[nodiscard]] CaptureTime known_until() const noexcept { return known_until_; }
  [[nodiscard]] size_t windows() const noexcept { return count_; }

 private:
  struct Window {
    CaptureTime begin;
    CaptureTime end;  // inclusive
  };

  // Nothing is beyond the horizon of a source that nothing was heard of.
  [[nodiscard]] bool is_beyond_horizon(CaptureTime time) const noexcept {
    return time > known_until_ && known_until_ != CaptureTime::min() &&
           time - known_until_ > kHorizon;
  }
  [[nodiscard]] bool overlaps(CaptureTime begin, CaptureTime end) const noexcept;
  // Forgets what was missed after `time`.
  void cut(CaptureTime time) noexcept;

  CaptureTime known_until_ = CaptureTime::max();
  uint32_t count_ = 0;
  std::array<Window, kMax> windows_{};  // sorted and disjoint
};

// Those of all sources. Until it is told of any, all are files. Not thread-safe.
class SourceGaps {
 public:
  // By Segment::source. From now on a source that is not in the list is one not told of yet.
  void set(std::vector<CaptureGaps> by_source) {
    told_ = std::move(by_source);
    others_ = CaptureGaps::not_told();
    by_source_ = told_;
  }
  // Until the next set(), what was told goes by another clock than what is asked: see
  // CaptureGaps::moved().
  void move(Duration ahead, CaptureTime since, CaptureTime now) {
    for (size_t i = 0; i < told_.size(); ++i) by_source_[i] = told_[i].moved(ahead, since, now);
  }
  [[nodiscard]] const CaptureGaps& of(uint16_t source) const noexcept {
    return source < by_source_.size() ? by_source_[source] : others_;
  }

 private:
  std::vector<CaptureGaps> told_;
  std::vector<CaptureGaps> by_source_;
  CaptureGaps others_;
};

}  // namespace lossgazer
