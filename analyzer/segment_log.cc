#include "analyzer/segment_log.h"

#include <bit>
#include <cassert>

namespace lossgazer {

SegmentLog::SegmentLog(size_t capacity)
    : mask_(static_cast<uint32_t>(capacity - 1)), records_(capacity) {
  assert(std::has_single_bit(capacity));
}

LogPosition SegmentLog::append(uint32_t owner, LogPosition newest, StreamOffset begin,
                               StreamOffset end, const Segment& segment) {
  const SegmentRecord* previous = at(owner, newest);
  SegmentRecord next;
  next.begin = begin;
  next.end = end;
  next.copy = CopyEvidence(segment);
  next.owner_ = owner;
  if (previous != nullptr) {
    next.previous_ = newest;
    next.landmark_ = previous->depth_ % kStride == 0 ? newest : previous->landmark_;
    next.depth_ = previous->depth_ + 1;
  }
  if (++head_ == 0) ++head_;  // 0 is no record
  records_[head_ & mask_] = next;
  return head_;
}

template <typename Later>
const SegmentRecord* SegmentLog::last_not(uint32_t owner, LogPosition newest,
                                          Later is_later) const {
  const SegmentRecord* record = at(owner, newest);
  for (int hops = 0; record != nullptr && is_later(*record); ++hops) {
    if (hops == kHopsMax) return nullptr;
    const SegmentRecord* landmark = at(owner, record->landmark_);
    record = landmark != nullptr && is_later(*landmark) ? landmark : at(owner, record->previous_);
  }
  return record;
}

const SegmentRecord* SegmentLog::find(uint32_t owner, LogPosition newest,
                                      StreamOffset offset) const {
  const SegmentRecord* record = last_not(
      owner, newest, [offset](const SegmentRecord& other) { return other.begin > offset; });
  return record != nullptr && offset < record->end ? record : nullptr;
}

const SegmentRecord* SegmentLog::newest_until(uint32_t owner, LogPosition newest,
                                              CaptureTime time) const {
  return last_not(owner, newest,
                  [time](const SegmentRecord& other) { return other.copy.time > time; });
}

const SegmentRecord* SegmentLog::at(uint32_t owner, LogPosition position) const {
  if (position == 0 || head_ - position > mask_) return nullptr;
  const SegmentRecord& record = records_[position & mask_];
  return record.owner_ == owner ? &record : nullptr;
}

}  // namespace lossgazer
