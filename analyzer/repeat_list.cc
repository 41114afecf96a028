#include "analyzer/repeat_list.h"

#include <algorithm>

#include "analyzer/serial.h"
#include "analyzer/track_pools.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long a repeat is remembered as evidence: longer than the network keeps a copy.
constexpr Duration kMemory = seconds(1);
// After this long without a word from the receiver a repeat counts as unanswered: the first
// retransmission time-out of a connection (RFC 6298, section 2.1).
constexpr Duration kUnansweredAfter = seconds(1);
// A receiver that went on talking but never acknowledged the repeat does not have the first copy.
constexpr Duration kLostAfter = seconds(10);

// A DSACK comes one round trip after the retransmission; twice that leaves room for queues.
Duration dsack_wait(const Scene& scene) {
  return std::clamp<Duration>(2 * scene.path_rtt, milliseconds(200), seconds(2));
}

bool waits(const Repeat& repeat) {
  return repeat.fate == Repeat::Fate::kPending || repeat.fate == Repeat::Fate::kUnanswered ||
         repeat.fate == Repeat::Fate::kAcknowledged;
}

bool was_heard(const Scene& scene, const Repeat& repeat) {
  return scene.heard && *scene.heard > repeat.first_copy;
}

// How many of its wire packets the receiver had already. A packet that brought it some new bytes
// was needed.
uint16_t needless_packets(const Repeat& repeat) {
  if (repeat.duplicated_bytes == 0) return 0;
  const uint64_t whole = uint64_t{repeat.duplicated_bytes} * repeat.packets;
  const auto packets = static_cast<uint16_t>(whole / (repeat.end - repeat.begin));
  return repeat.packets > 1 ? std::max<uint16_t>(packets, 1) : packets;  // the last one is shorter
}

void count_lost(const Scene& scene, Repeat& repeat) {
  repeat.fate = Repeat::Fate::kLost;
  uint16_t arrived = needless_packets(repeat);
  for (const Side side : {Side::kAfter, Side::kBefore}) {
    const uint16_t lost = repeat.lost[static_cast<size_t>(side)];
    const uint16_t spared = std::min(arrived, lost);
    arrived = static_cast<uint16_t>(arrived - spared);
    scene.counters.lost(side, LossMethod::kSequence) += static_cast<uint16_t>(lost - spared);
  }
}

void count_unanswered(const Scene& scene, Repeat& repeat) {
  repeat.fate = Repeat::Fate::kUnanswered;
  scene.counters.unanswered_segments += repeat.packets;
}

// Nothing more will be heard of it.
void decide(const Scene& scene, Repeat& repeat) {
  if (!waits(repeat)) return;
  if (repeat.fate == Repeat::Fate::kAcknowledged || was_heard(scene, repeat)) {
    count_lost(scene, repeat);
  } else if (repeat.fate == Repeat::Fate::kPending) {
    count_unanswered(scene, repeat);
  }
}

}  // namespace

void RepeatList::add(const Scene& scene, const Repeat& repeat) {
  Pool<Repeat>& pool = scene.pools.repeats;
  if (repeats_.size() >= kMax) {
    decide(scene, pool[repeats_.first()]);
    repeats_.erase_after(pool, kNone);
  }
  if (Repeat* entry = repeats_.push_back(pool)) {
    const uint32_t next = entry->next;
    *entry = repeat;
    entry->next = next;
  } else {
    Repeat undecidable = repeat;
    decide(scene, undecidable);
  }
}

const Repeat* RepeatList::find(const Pool<Repeat>& pool, StreamOffset offset) const {
  const Repeat* newest = nullptr;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    if (pool[i].begin <= offset && offset < pool[i].end) newest = &pool[i];
  }
  return newest;
}

void RepeatList::acknowledge(const Scene& scene, StreamOffset acked, const Segment& segment,
                             bool echoes, std::optional<Duration> least_rtt) {
  Pool<Repeat>& pool = scene.pools.repeats;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    Repeat& repeat = pool[i];
    const bool unacknowledged =
        repeat.fate == Repeat::Fate::kPending || repeat.fate == Repeat::Fate::kUnanswered;
    if (!unacknowledged || acked < repeat.end) continue;
    const bool echo_is_older = echoes && segment.has(kHasTsecr) && repeat.copy.has(kHasTsval) &&
                               serial_distance(repeat.copy.tsval, segment.tsecr) < 0;
    // Half, because the least round trip may hold a delayed ACK, and a filled gap is acknowledged
    // at once: errs towards loss.
    const bool first_copy_was_seen = repeat.lost[static_cast<size_t>(Side::kBefore)] == 0;
    if (echo_is_older && repeat.at_left_edge) {
      make_spurious(scene, repeat, Evidence::kEifel);
    } else if (!segment.has(kHasTsecr) && first_copy_was_seen && least_rtt &&
               segment.time - repeat.copy.time < *least_rtt / 2) {
      make_spurious(scene, repeat, Evidence::kAckTiming);
    } else {
      repeat.fate = Repeat::Fate::kAcknowledged;
    }
  }
}

void RepeatList::mark_duplicated(const Scene& scene, StreamOffset begin, StreamOffset end) {
  Pool<Repeat>& pool = scene.pools.repeats;
  // One duplicate arrival shows one repeat of each byte to be needless, not all of them.
  StreamOffset marked = begin;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    Repeat& repeat = pool[i];
    const StreamOffset from = std::max(repeat.begin, marked);
    const StreamOffset to = std::min(repeat.end, end);
    if (!waits(repeat) || to <= from) continue;
    marked = to;
    const uint16_t before = needless_packets(repeat);
    const uint64_t length = repeat.end - repeat.begin;
    repeat.duplicated_bytes =
        static_cast<uint32_t>(std::min(length, repeat.duplicated_bytes + (to - from)));
    const uint16_t needless = needless_packets(repeat);
    scene.counters.spurious_retransmissions += static_cast<uint16_t>(needless - before);
    if (needless >= repeat.packets) report_spurious(scene, repeat, Evidence::kDsack);
  }
}

void RepeatList::mark_overtaking(const Scene& scene, const CopyEvidence& copy, Evidence evidence) {
  Pool<Repeat>& pool = scene.pools.repeats;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    if (pool[i].copy.is_of(copy) && waits(pool[i])) make_spurious(scene, pool[i], evidence);
  }
}

void RepeatList::settle(const Scene& scene, CaptureTime now) {
  Pool<Repeat>& pool = scene.pools.repeats;
  uint32_t previous = kNone;
  for (uint32_t i = repeats_.first(); i != kNone;) {
    Repeat& repeat = pool[i];
    const Duration age = now - repeat.copy.time;
    if (repeat.fate == Repeat::Fate::kAcknowledged && age > dsack_wait(scene)) {
      count_lost(scene, repeat);
    } else if (waits(repeat) && was_heard(scene, repeat)) {
      if (age > kLostAfter) count_lost(scene, repeat);
    } else if (repeat.fate == Repeat::Fate::kPending && age > kUnansweredAfter) {
      count_unanswered(scene, repeat);
    }
    const uint32_t next = repeat.next;
    if (!waits(repeat) && age > kMemory) {
      repeats_.erase_after(pool, previous);
    } else {
      previous = i;
    }
    i = next;
  }
}

void RepeatList::finish(const Scene& scene) {
  Pool<Repeat>& pool = scene.pools.repeats;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) decide(scene, pool[i]);
  repeats_.clear(pool);
}

void RepeatList::make_spurious(const Scene& scene, Repeat& repeat, Evidence evidence) {
  scene.counters.spurious_retransmissions +=
      static_cast<uint16_t>(repeat.packets - needless_packets(repeat));
  report_spurious(scene, repeat, evidence);
}

void RepeatList::report_spurious(const Scene& scene, Repeat& repeat, Evidence evidence) {
  repeat.fate = Repeat::Fate::kSpurious;
  scene.report(VerdictKind::kSpuriousRetransmission, evidence, repeat.begin, repeat.copy, {},
               VerdictKind::kRetransmission);
}

}  // namespace lossgazer
