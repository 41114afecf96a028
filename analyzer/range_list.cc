#include "analyzer/range_list.h"

#include <algorithm>

namespace lossgazer {

void RangeList::add(Pool<Range>& pool, StreamOffset begin, StreamOffset end) {
  uint32_t previous = kNone;
  uint32_t current = ranges_.first();
  while (current != kNone && pool[current].end < begin) {
    previous = current;
    current = pool[current].next;
  }
  if (current == kNone || pool[current].begin > end) {
    if (ranges_.size() >= kMax) return pool.refuse();
    if (Range* range = ranges_.insert_after(pool, previous)) {
      range->begin = begin;
      range->end = end;
    }
    return;
  }
  Range& merged = pool[current];
  merged.begin = std::min(merged.begin, begin);
  merged.end = std::max(merged.end, end);
  while (merged.next != kNone && pool[merged.next].begin <= merged.end) {
    merged.end = std::max(merged.end, pool[merged.next].end);
    ranges_.erase_after(pool, current);
  }
}

void RangeList::trim(Pool<Range>& pool, StreamOffset offset) {
  while (!empty() && pool[ranges_.first()].end <= offset) ranges_.erase_after(pool, kNone);
  if (!empty() && pool[ranges_.first()].begin < offset) pool[ranges_.first()].begin = offset;
}

bool RangeList::contains(const Pool<Range>& pool, StreamOffset begin, StreamOffset end) const {
  for (uint32_t i = ranges_.first(); i != kNone && pool[i].begin <= begin; i = pool[i].next) {
    if (end <= pool[i].end) return true;
  }
  return false;
}

}  // namespace lossgazer
