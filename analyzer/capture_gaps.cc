#include "analyzer/capture_gaps.h"

#include <algorithm>

namespace lossgazer {
namespace {

// The sum, without leaving the clock's range.
CaptureTime later(CaptureTime time, Duration by) {
  if (by < Duration::zero()) {
    return time < CaptureTime::min() - by ? CaptureTime::min() : time + by;
  }
  return time > CaptureTime::max() - by ? CaptureTime::max() : time + by;
}

}  // namespace

CaptureGaps CaptureGaps::not_told() {
  CaptureGaps gaps;
  gaps.add(CaptureTime::min(), CaptureTime::max());
  gaps.known_until_ = CaptureTime::min();
  return gaps;
}

void CaptureGaps::add(CaptureTime begin, CaptureTime end) noexcept {
  if (begin > end) return;
  // What lies close enough to the new window becomes one with it: [first, last).
  uint32_t first = 0;
  while (first < count_ && later(windows_[first].end, kMergeWithin) < begin) ++first;
  uint32_t last = first;
  while (last < count_ && windows_[last].begin <= later(end, kMergeWithin)) ++last;
  if (first < last) {
    Window& merged = windows_[first];
    merged.begin = std::min(merged.begin, begin);
    merged.end = std::max(windows_[last - 1].end, end);
    std::copy(windows_.begin() + last, windows_.begin() + count_, windows_.begin() + first + 1);
    count_ -= last - first - 1;
    return;
  }
  if (count_ == kMax) {
    if (first == 0) {  // it would be the oldest
      windows_[0].begin = begin;
      return;
    }
    windows_[1].begin = windows_[0].begin;
    std::copy(windows_.begin() + 1, windows_.begin() + count_, windows_.begin());
    --count_;
    --first;
    if (first == 0) {  // it lay between the two
      return;
    }
  }
  std::copy_backward(windows_.begin() + first, windows_.begin() + count_,
                     windows_.begin() + count_ + 1);
  windows_[first] = {begin, end};
  ++count_;
}

void CaptureGaps::set_known_until(CaptureTime time) noexcept {
  if (time < known_until_) cut(later(time, kHorizon));
  known_until_ = time;
}

void CaptureGaps::close(CaptureTime time) noexcept {
  add(time, CaptureTime::max());
  known_until_ = CaptureTime::max();
}

void CaptureGaps::resume(CaptureTime time) noexcept {
  cut(time);
  add(time, time);
  known_until_ = time;
}

void CaptureGaps::merge(const CaptureGaps& other) noexcept {
  for (uint32_t i = 0; i < other.count_; ++i) add(other.windows_[i].begin, other.windows_[i].end);
  known_until_ = std::min(known_until_, other.known_until_);
}

CaptureGaps CaptureGaps::moved(Duration ahead, CaptureTime since, CaptureTime now) const noexcept {
  CaptureGaps moved;
  moved.add(CaptureTime::min(), since);
  for (uint32_t i = 0; i < count_; ++i) {
    const Window& window = windows_[i];
    const CaptureTime end =
        window.end == CaptureTime::max() ? window.end : later(window.end, ahead);
    moved.add(later(window.begin, ahead), end);
  }
  if (known_until_ == CaptureTime::min() || known_until_ == CaptureTime::max()) {
    moved.known_until_ = known_until_;
    return moved;
  }
  // What was read before the step says nothing of what came after.
  const CaptureTime known = later(known_until_, ahead);
  moved.known_until_ = known > later(now, kHorizon) ? since : std::max(since, known);
  return moved;
}

bool CaptureGaps::overlaps(CaptureTime begin, CaptureTime end) const noexcept {
  // From the newest: what is asked about is recent.
  for (uint32_t i = count_; i > 0 && windows_[i - 1].end >= begin; --i) {
    if (windows_[i - 1].begin <= end) return true;
  }
  return false;
}

void CaptureGaps::cut(CaptureTime time) noexcept {
  while (count_ > 0 && windows_[count_ - 1].begin > time) --count_;
  if (count_ > 0) windows_[count_ - 1].end = std::min(windows_[count_ - 1].end, time);
}

}  // namespace lossgazer
