#include "analyzer/repeat_list.h"

#include <algorithm>
#include <array>

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

// A report may be overtaken by the acknowledgments sent after it, by so much.
constexpr Duration kReorderedAcks = milliseconds(50);

// A DSACK comes one round trip after the retransmission; twice that leaves room for queues.
Duration dsack_wait(const Scene& scene) {
  return std::clamp<Duration>(2 * scene.path_rtt(), milliseconds(200), seconds(2));
}

bool waits(const Repeat& repeat) {
  if (repeat.deferred) return false;
  return repeat.fate == Repeat::Fate::kPending || repeat.fate == Repeat::Fate::kUnanswered ||
         repeat.fate == Repeat::Fate::kAcknowledged;
}

bool is_decided(const Repeat& repeat) {
  return !repeat.deferred && !waits(repeat) && repeat.fate != Repeat::Fate::kNeeded;
}

bool was_heard(const Scene& scene, const Repeat& repeat) {
  return scene.heard() && *scene.heard() > repeat.first_copy;
}

bool all_duplicated(const Repeat& repeat) {
  return repeat.duplicated_bytes >= repeat.end - repeat.begin;
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
    if (side == Side::kBefore && repeat.numbered && scene.census_holds()) continue;
    scene.counters.lost(side, LossMethod::kSequence) += static_cast<uint16_t>(lost - spared);
  }
}

void count_unanswered(const Scene& scene, Repeat& repeat) {
  repeat.fate = Repeat::Fate::kUnanswered;
  scene.counters.unanswered_segments += repeat.packets;
}

// It was needed: a loss, unless what would say otherwise may have been missed up to `until`.
void count_unless_missed(const Scene& scene, Repeat& repeat, CaptureTime until) {
  if (scene.gaps().may_have_missed(repeat.since, until)) {
    repeat.fate = Repeat::Fate::kUnsure;
  } else {
    count_lost(scene, repeat);
  }
}

// Nothing more will be heard of it.
void decide(const Scene& scene, Repeat& repeat) {
  const bool needed =
      repeat.fate == Repeat::Fate::kNeeded || repeat.fate == Repeat::Fate::kAcknowledged;
  if (!waits(repeat) && !needed) return;
  if (repeat.deferred || !scene.gaps().known(repeat.copy.time)) {
    repeat.fate = Repeat::Fate::kUnsure;
  } else if (needed || was_heard(scene, repeat)) {
    count_unless_missed(scene, repeat, repeat.copy.time);
  } else if (repeat.fate == Repeat::Fate::kPending) {
    count_unanswered(scene, repeat);
  }
}

// A repeat that only a skipped number told, once it is known whether the number was our own miss.
void count_deferred(const Scene& scene, Repeat& repeat) {
  repeat.deferred = false;
  if (scene.gaps().may_have_missed(repeat.since, repeat.copy.time)) {
    repeat.fate = Repeat::Fate::kUnsure;
    return;
  }
  scene.counters.retransmitted_segments += repeat.packets;
  scene.counters.retransmitted_bytes += repeat.copy.payload_length;
  scene.report(VerdictKind::kRetransmission, Evidence::kSkippedIpId, repeat.begin, repeat.copy,
               Side::kBefore);
}

// Its time has come: moves it on to its next fate, or returns false if it may be forgotten.
bool move_on(const Scene& scene, Repeat& repeat, CaptureTime now) {
  switch (repeat.fate) {
    case Repeat::Fate::kPending:
    case Repeat::Fate::kUnanswered: {
      const CaptureTime lost_at = repeat.copy.time + kLostAfter;
      if (!was_heard(scene, repeat)) {
        if (repeat.fate == Repeat::Fate::kPending) count_unanswered(scene, repeat);
        repeat.due = std::max(lost_at, now);
      } else if (now > lost_at) {
        repeat.fate = Repeat::Fate::kNeeded;
      } else {
        repeat.due = lost_at;
      }
      return true;
    }
    case Repeat::Fate::kAcknowledged:
      repeat.fate = Repeat::Fate::kNeeded;
      return true;
    case Repeat::Fate::kNeeded:
      if (scene.gaps().known(repeat.due)) {
        count_unless_missed(scene, repeat, repeat.due);
        repeat.due = std::max(repeat.due, repeat.copy.time + kMemory);
      }
      return true;
    case Repeat::Fate::kLost:
    case Repeat::Fate::kSpurious:
    case Repeat::Fate::kLate:
    case Repeat::Fate::kUnsure:
    case Repeat::Fate::kCopied:
      return now <= repeat.copy.time + kMemory;
  }
  return false;
}

}  // namespace

void RepeatList::add(const Scene& scene, const Repeat& repeat) {
  Pool<Repeat>& pool = scene.pools.repeats;
  if (repeats_.size() >= kMax) {
    pool.refuse();
    make_room(scene);
  }
  if (Repeat* entry = repeats_.push_back(pool)) {
    const uint32_t next = entry->next;
    *entry = repeat;
    entry->next = next;
    entry->due = repeat.copy.time + kUnansweredAfter;
    next_due_ = repeat.deferred ? repeat.copy.time : std::min(next_due_, entry->due);
  } else {
    Repeat undecidable = repeat;
    decide(scene, undecidable);
    forgot_ = true;
  }
}

// The oldest that is decided goes, if any is: what waits would have to be decided too soon.
void RepeatList::make_room(const Scene& scene) {
  Pool<Repeat>& pool = scene.pools.repeats;
  uint32_t previous = kNone;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    if (is_decided(pool[i])) {
      repeats_.erase_after(pool, previous);
      return;
    }
    previous = i;
  }
  decide(scene, pool[repeats_.first()]);
  repeats_.erase_after(pool, kNone);
  forgot_ = true;
}

const Repeat* RepeatList::find(const Pool<Repeat>& pool, StreamOffset offset) const {
  const Repeat* newest = nullptr;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    if (pool[i].begin <= offset && offset < pool[i].end) newest = &pool[i];
  }
  return newest;
}

const Repeat* RepeatList::find_copy(const Pool<Repeat>& pool, StreamOffset begin,
                                    uint32_t tsval) const {
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    const Repeat& repeat = pool[i];
    if (repeat.begin == begin && repeat.copy.has(kHasTsval) && repeat.copy.tsval == tsval) {
      return &repeat;
    }
  }
  return nullptr;
}

void RepeatList::acknowledge(const Scene& scene, const Acknowledgment& acknowledgment) {
  Pool<Repeat>& pool = scene.pools.repeats;
  const Segment& segment = acknowledgment.segment;
  const std::optional<Duration>& least_rtt = acknowledgment.least_rtt;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    Repeat& repeat = pool[i];
    const bool unacknowledged =
        repeat.fate == Repeat::Fate::kPending || repeat.fate == Repeat::Fate::kUnanswered;
    if (!unacknowledged || acknowledgment.acked < repeat.end) continue;
    // The receiver echoes what came at the left edge of its window (RFC 7323, section 4.3).
    repeat.at_left_edge = repeat.at_left_edge || acknowledgment.before == repeat.begin;
    const bool echo_is_older = acknowledgment.echoes && segment.has(kHasTsecr) &&
                               repeat.copy.has(kHasTsval) &&
                               serial_distance(repeat.copy.tsval, segment.tsecr) < 0;
    const Duration after = segment.time - repeat.copy.time;
    // Half, because the least round trip may hold a delayed ACK, and a filled gap is acknowledged
    // at once: errs towards loss.
    if (echo_is_older && repeat.at_left_edge) {
      make_spurious(scene, repeat, Evidence::kEifel);
    } else if (!(repeat.at_left_edge && segment.has(kHasTsecr)) && repeat.first_was_seen &&
               least_rtt && after < *least_rtt / 2) {
      make_spurious(scene, repeat, Evidence::kAckTiming);
    } else {
      repeat.fate = Repeat::Fate::kAcknowledged;
      repeat.due = std::max(repeat.copy.time + dsack_wait(scene), segment.time + kReorderedAcks);
      next_due_ = std::min(next_due_, repeat.due);
      repeat.acked_in_time = least_rtt && after >= *least_rtt - *least_rtt / 16;
    }
  }
}

void RepeatList::hold(const Scene& scene, StreamOffset begin, StreamOffset end, CaptureTime now,
                      std::optional<Duration> least_rtt) {
  if (!least_rtt) return;
  Pool<Repeat>& pool = scene.pools.repeats;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    Repeat& repeat = pool[i];
    const bool covered = begin <= repeat.begin && repeat.end <= end;
    if (covered && waits(repeat) && repeat.first_was_seen &&
        now - repeat.copy.time < *least_rtt / 2) {
      make_spurious(scene, repeat, Evidence::kAckTiming);
    }
  }
}

// Several copies of the same bytes may be under way: the duplicate is the newest that can have
// arrived by now. What was seen to be copied explains a duplicate first. And where the network is
// known to make copies, and the receiver acknowledged a repeat just when it had come, and only then
// says that it came twice, the repeat was copied, out of our sight: the first acknowledgment of a
// needless one comes too soon, or is lost, and then the report is the first.
bool RepeatList::mark_duplicated(const Scene& scene, StreamOffset begin, StreamOffset end,
                                 CaptureTime now, Duration least_rtt, bool copied) {
  Pool<Repeat>& pool = scene.pools.repeats;
  constexpr size_t kCandidates = 16;
  std::array<uint32_t, kCandidates> candidates{};  // the last ones, a ring
  size_t count = 0;
  bool overlapped = false;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    Repeat& repeat = pool[i];
    if (std::min(repeat.end, end) <= std::max(repeat.begin, begin)) continue;
    if (repeat.fate == Repeat::Fate::kCopied) {
      repeat.fate = Repeat::Fate::kLate;
      return true;
    }
    overlapped = true;
    if (waits(repeat)) candidates[count++ % kCandidates] = i;
  }
  const Duration soonest = least_rtt - least_rtt / 8;
  for (const bool any_age : {false, true}) {
    const StreamOffset unmarked = begin;
    for (size_t n = 0; n < std::min(count, kCandidates) && begin < end; ++n) {
      const size_t place = any_age ? count - std::min(count, kCandidates) + n : count - 1 - n;
      Repeat& repeat = pool[candidates[place % kCandidates]];
      const StreamOffset from = std::max(repeat.begin, begin);
      const StreamOffset to = std::min(repeat.end, end);
      if (to <= from || !waits(repeat)) continue;
      if (!any_age && now - repeat.copy.time < soonest) continue;
      if (copied && repeat.acked_in_time && repeat.duplicated_bytes == 0) return true;
      mark_one(scene, repeat, to - from, Evidence::kDsack);
      (from == begin ? begin : end) = from == begin ? to : from;
    }
    if (begin != unmarked) break;
  }
  return overlapped || forgot_;
}

// What is known to have come twice explains it first. Of what went again together, what was at the
// left edge was needed most likely, and of the same bytes the first.
Repeat* RepeatList::answered(const Scene& scene, StreamOffset acked, CaptureTime now,
                             CaptureTime sent_until) const {
  Pool<Repeat>& pool = scene.pools.repeats;
  Repeat* needless = nullptr;
  std::optional<CaptureTime> beyond;  // the first that went again for what it still asks for
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    Repeat& repeat = pool[i];
    if (repeat.copy.time > sent_until || now - repeat.copy.time > dsack_wait(scene)) continue;
    if (repeat.begin > acked && !beyond) beyond = repeat.copy.time;
    if (repeat.end > acked) continue;
    const bool known = repeat.fate == Repeat::Fate::kCopied ||
                       (repeat.fate == Repeat::Fate::kSpurious && !all_duplicated(repeat));
    if (known) return &repeat;
    if (repeat.fate != Repeat::Fate::kAcknowledged || !repeat.first_was_seen) continue;
    const bool likelier = needless == nullptr || needless->begin == repeat.begin ||
                          (needless->at_left_edge && !repeat.at_left_edge);
    if (likelier) needless = &repeat;
  }
  if (needless == nullptr || !beyond) return needless;
  return needless->at_left_edge || *beyond < needless->copy.time ? nullptr : needless;
}

void RepeatList::mark_answered(const Scene& scene, Repeat& repeat) {
  const uint64_t length = repeat.end - repeat.begin;
  const uint64_t packet = (length + repeat.packets - 1) / repeat.packets;
  if (repeat.fate == Repeat::Fate::kCopied) {
    repeat.fate = Repeat::Fate::kLate;
  } else if (repeat.fate == Repeat::Fate::kSpurious) {
    repeat.duplicated_bytes += static_cast<uint32_t>(packet);
  } else {
    mark_one(scene, repeat, packet, Evidence::kDuplicateAcks);
  }
}

void RepeatList::mark_one(const Scene& scene, Repeat& repeat, uint64_t bytes, Evidence evidence) {
  const uint16_t before = needless_packets(repeat);
  const uint64_t length = repeat.end - repeat.begin;
  repeat.duplicated_bytes =
      static_cast<uint32_t>(std::min(length, repeat.duplicated_bytes + bytes));
  const uint16_t needless = needless_packets(repeat);
  scene.counters.spurious_retransmissions += static_cast<uint16_t>(needless - before);
  if (needless >= repeat.packets) report_spurious(scene, repeat, evidence);
}

void RepeatList::mark_overtaking(const Scene& scene, const CopyEvidence& copy, Evidence evidence) {
  Pool<Repeat>& pool = scene.pools.repeats;
  for (uint32_t i = repeats_.first(); i != kNone; i = pool[i].next) {
    if (pool[i].copy.is_of(copy) && waits(pool[i])) make_spurious(scene, pool[i], evidence);
  }
}

void RepeatList::settle(const Scene& scene, CaptureTime now) {
  if (now <= next_due_) return;
  Pool<Repeat>& pool = scene.pools.repeats;
  next_due_ = CaptureTime::max();
  uint32_t previous = kNone;
  for (uint32_t i = repeats_.first(); i != kNone;) {
    Repeat& repeat = pool[i];
    const uint32_t next = repeat.next;
    if (repeat.deferred && scene.gaps().known(repeat.copy.time)) count_deferred(scene, repeat);
    // Each pass moves it on by one fate; two are the most that follow each other at once.
    bool kept = true;
    for (int pass = 0; pass < 3 && kept && !repeat.deferred && now > repeat.due; ++pass) {
      kept = move_on(scene, repeat, now);
    }
    if (kept) {
      next_due_ = std::min(next_due_, repeat.deferred ? repeat.copy.time : repeat.due);
      previous = i;
    } else {
      repeats_.erase_after(pool, previous);
    }
    i = next;
  }
  if (repeats_.empty()) forgot_ = false;
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
