#include "analyzer/id_gap_list.h"

#include <algorithm>

#include "analyzer/ip_id_mode.h"
#include "analyzer/serial.h"

namespace lossgazer {

bool IdGapList::open(Pool<IdGap>& pool, const IdGap& gap) {
  IdGap* entry = full() ? nullptr : gaps_.push_back(pool);
  if (entry == nullptr) return false;
  const uint32_t next = entry->next;
  *entry = gap;
  entry->next = next;
  return true;
}

uint32_t IdGapList::fill(Pool<IdGap>& pool, uint32_t first, uint32_t count) {
  uint32_t found = 0;
  uint32_t previous = kNone;
  for (uint32_t i = gaps_.first(); i != kNone && count > 0;) {
    const uint32_t following = pool[i].next;
    // From the gap's first number to the packet's, and how much of the packet lies within.
    const int32_t from = serial_distance(pool[i].first, first);
    const int32_t begin = std::max(from, 0);
    const int32_t end = std::min<int32_t>(from + static_cast<int32_t>(count), pool[i].count);
    if (begin >= end) {
      previous = i;
      i = following;
      continue;
    }
    found += static_cast<uint32_t>(end - begin);
    const auto above = static_cast<uint16_t>(pool[i].count - end);
    if (begin > 0 && above > 0) {
      // Without room the upper numbers are forgotten: errs towards no loss.
      IdGap* upper = full() ? nullptr : gaps_.insert_after(pool, i);
      if (upper != nullptr) {
        const uint32_t next = upper->next;
        *upper = pool[i];
        upper->next = next;
        upper->first += static_cast<uint32_t>(end);
        upper->count = above;
        const int left = upper->lost - std::min<int>(upper->lost, begin);
        upper->lost = static_cast<uint16_t>(std::min<int>(left, above));
      }
    }
    if (begin == 0 && above == 0) {
      gaps_.erase_after(pool, previous);
    } else {
      IdGap& rest = pool[i];
      if (begin == 0) rest.first += static_cast<uint32_t>(end);
      rest.count = begin == 0 ? above : static_cast<uint16_t>(begin);
      rest.lost = std::min(rest.lost, rest.count);
      previous = i;
    }
    i = following;
  }
  return found;
}

bool IdGapList::contains(const Pool<IdGap>& pool, uint32_t number) const {
  for (uint32_t i = gaps_.first(); i != kNone; i = pool[i].next) {
    const int32_t from = serial_distance(pool[i].first, number);
    if (from >= 0 && from < pool[i].count) return true;
  }
  return false;
}

uint32_t IdGapList::missing(const Pool<IdGap>& pool) const {
  uint32_t count = 0;
  for (uint32_t i = gaps_.first(); i != kNone; i = pool[i].next) count += pool[i].count;
  return count;
}

IdGap IdGapList::take_oldest(Pool<IdGap>& pool) {
  const IdGap oldest = pool[gaps_.first()];
  gaps_.erase_after(pool, kNone);
  return oldest;
}

bool IdGapList::is_due(const Pool<IdGap>& pool, CaptureTime now, uint32_t newest) const {
  if (empty()) return false;
  const IdGap& oldest = pool[gaps_.first()];
  return now - oldest.opened > kGrace || serial_distance(oldest.first, newest) > IpIdMode::kHorizon;
}

}  // namespace lossgazer
