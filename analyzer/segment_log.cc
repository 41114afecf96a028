#include "analyzer/segment_log.h"

#include <bit>
#include <cassert>

namespace lossgazer {

SegmentLog::SegmentLog(size_t capacity)
    : mask_(static_cast<uint32_t>(capacity - 1)), records_(capacity) {
  assert(std::has_single_bit(capacity));
}

// The record before this one is not looked at: of a flow among very many, it is not in the cache.
void SegmentLog::append(uint32_t owner, LogPosition& position, StreamOffset begin, StreamOffset end,
                        const Segment& segment) {
  if (++head_ == 0) ++head_;  // 0 is no record
  SegmentRecord& record = records_[head_ & mask_];
  __builtin_prefetch(&records_[(head_ + kPrefetchAhead) & mask_], 1);
  record.begin = begin;
  record.length = static_cast<uint32_t>(end - begin);
  record.copy = CopyEvidence(segment);
  record.owner_ = owner;
  record.previous_ = position.newest;
  record.landmark_ = position.landmark;
  if (position.count % kStride == 0) position.landmark = head_;
  position.newest = head_;
  ++position.count;
}

template <typename Later>
const SegmentRecord* SegmentLog::last_not(uint32_t owner, uint32_t newest, Later is_later) const {
  const SegmentRecord* record = at(owner, newest);
  for (int hops = 0; record != nullptr && is_later(*record); ++hops) {
    if (hops == kHopsMax) return nullptr;
    const SegmentRecord* landmark = at(owner, record->landmark_);
    record = landmark != nullptr && is_later(*landmark) ? landmark : at(owner, record->previous_);
  }
  return record;
}

const SegmentRecord* SegmentLog::find(uint32_t owner, const LogPosition& position,
                                      StreamOffset offset) const {
  const SegmentRecord* record =
      last_not(owner, position.newest,
               [offset](const SegmentRecord& other) { return other.begin > offset; });
  return record != nullptr && offset < record->end() ? record : nullptr;
}

const SegmentRecord* SegmentLog::newest_until(uint32_t owner, const LogPosition& position,
                                              CaptureTime time) const {
  return last_not(owner, position.newest,
                  [time](const SegmentRecord& other) { return other.copy.time > time; });
}

const SegmentRecord* SegmentLog::at(uint32_t owner, uint32_t number) const {
  if (number == 0 || head_ - number > mask_) return nullptr;
  const SegmentRecord& record = records_[number & mask_];
  return record.owner_ == owner ? &record : nullptr;
}

}  // namespace lossgazer
