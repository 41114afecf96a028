#include "analyzer/hole_list.h"

#include <algorithm>

namespace lossgazer {
namespace {

// So much less may a packet carry than another, for its options (RFC 9293, section 3.1).
constexpr uint64_t kTcpOptionsMost = 40;

}  // namespace

void HoleList::open(Pool<Hole>& pool, StreamOffset begin, StreamOffset end,
                    const CopyEvidence& opener, CaptureTime since, bool numbered) {
  if (holes_.size() >= kMax) {
    pool.refuse();
    holes_.erase_after(pool, kNone);
  }
  uint32_t previous = kNone;
  if (!empty() && pool[holes_.last()].end <= begin) {
    previous = holes_.last();
  } else {
    for (uint32_t i = first(); i != kNone && pool[i].end <= begin; i = pool[i].next) previous = i;
  }
  if (Hole* hole = holes_.insert_after(pool, previous)) {
    const uint32_t next = hole->next;
    *hole = {.begin = begin,
             .end = end,
             .opened_at = begin,
             .opener = opener,
             .since = since,
             .numbered = numbered,
             .next = next};
  }
}

HoleList::Overlap HoleList::overlap(const Pool<Hole>& pool, StreamOffset begin,
                                    StreamOffset end) const {
  Overlap overlap;
  for (uint32_t i = first(); i != kNone && pool[i].begin < end; i = pool[i].next) {
    const Hole& hole = pool[i];
    if (hole.end <= begin) continue;
    overlap.bytes += std::min(end, hole.end) - std::max(begin, hole.begin);
    if (overlap.lowest == nullptr) overlap.lowest = &hole;
  }
  return overlap;
}

uint64_t HoleList::count_packets(Pool<Hole>& pool, const SegmentSize& size, StreamOffset begin,
                                 StreamOffset end) {
  uint64_t packets = 0;
  for (uint32_t i = first(); i != kNone && pool[i].begin < end; i = pool[i].next) {
    Hole& hole = pool[i];
    if (hole.end <= begin) continue;
    const StreamOffset from = std::max(begin, hole.begin);
    const StreamOffset to = std::min(end, hole.end);
    const uint32_t header = hole.opener.tcp_header_length;
    const uint64_t most = size.most_of(hole.end - hole.opened_at, header);
    hole.cut_anew = hole.cut_anew || to - from + kTcpOptionsMost >= most;
    const auto begun_until = [&](StreamOffset offset) {
      return (offset - hole.opened_at + most - 1) / most;
    };
    packets +=
        hole.cut_anew ? begun_until(to) - begun_until(from) : size.packets_in(to - from, header);
  }
  return packets;
}

void HoleList::fill(Pool<Hole>& pool, StreamOffset begin, StreamOffset end) {
  uint32_t previous = kNone;
  for (uint32_t i = first(); i != kNone && pool[i].begin < end;) {
    Hole& hole = pool[i];
    const uint32_t next = hole.next;
    if (hole.end <= begin) {
      previous = i;
    } else if (begin <= hole.begin && hole.end <= end) {
      holes_.erase_after(pool, previous);
    } else if (begin <= hole.begin) {
      hole.begin = end;
      previous = i;
    } else {
      if (end < hole.end) static_cast<void>(split(pool, i, end));
      pool[i].end = begin;
      previous = i;
    }
    i = next;
  }
}

void HoleList::mark_held(Pool<Hole>& pool, StreamOffset begin, StreamOffset end, CaptureTime now) {
  for (uint32_t i = first(); i != kNone && pool[i].begin < end; i = pool[i].next) {
    if (pool[i].end <= begin || pool[i].held_since) continue;
    // Where only part of a hole is held, that part becomes a hole of its own.
    if (pool[i].begin < begin) {
      if (!split(pool, i, begin)) return;
      i = pool[i].next;
    }
    if (end < pool[i].end && !split(pool, i, end)) return;
    pool[i].held_since = now;
  }
}

uint64_t HoleList::close_held(Pool<Hole>& pool, CaptureTime now, std::optional<Duration> grace) {
  uint64_t bytes = 0;
  uint32_t previous = kNone;
  for (uint32_t i = first(); i != kNone;) {
    const Hole& hole = pool[i];
    const uint32_t next = hole.next;
    if (hole.held_since && (!grace || now - *hole.held_since > *grace)) {
      bytes += hole.end - hole.begin;
      holes_.erase_after(pool, previous);
    } else {
      previous = i;
    }
    i = next;
  }
  return bytes;
}

bool HoleList::split(Pool<Hole>& pool, uint32_t number, StreamOffset edge) {
  if (holes_.size() >= kMax) pool.refuse();
  Hole* upper = holes_.size() < kMax ? holes_.insert_after(pool, number) : nullptr;
  if (upper == nullptr) return false;
  Hole& lower = pool[number];
  const uint32_t next = upper->next;
  *upper = lower;
  upper->begin = edge;
  upper->next = next;
  lower.end = edge;
  return true;
}

}  // namespace lossgazer
