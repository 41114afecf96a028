#include "analyzer/sender_track.h"

#include <algorithm>
#include <cassert>

#include "analyzer/serial.h"
#include "analyzer/track_pools.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The largest window there is (RFC 7323, section 2.3): what lies further away is not of this
// stream.
constexpr uint64_t kWindowMax = uint64_t{1} << 30;
// Transmit and receive paths may be captured out of order by this much.
constexpr Duration kCaptureSkew = milliseconds(2);
// The least retransmission time-out in use (Linux; RFC 6298 asks for 1 s).
constexpr Duration kTimeOutMin = milliseconds(200);
// Reordering is closer than this where no round trip is known.
constexpr Duration kReorderingMax = milliseconds(3);
// No original comes later than this after what was sent behind it.
constexpr Duration kLatenessMax = seconds(1);
// No copy that the network made comes later, nor does a sender without identification numbers
// repeat a segment sooner.
constexpr Duration kCopyDelayMax = milliseconds(50);
// A host answers sooner than it did before by up to this much: one that is our own, or on a LAN,
// may answer at any time.
constexpr Duration kHostJitter = milliseconds(1);
// Nothing travels for longer: the clock was set in between.
constexpr Duration kRoundTripMax = std::chrono::minutes(2);
// The least delay of a tail loss probe (RFC 8985, section 7.2, as Linux rounds it).
constexpr Duration kProbeDelayMin = milliseconds(8);
// Idle for less, an empty segment below the highest byte is not a keep-alive but out of order.
constexpr Duration kKeepAliveIdleMin = milliseconds(100);
// A single byte is a keep-alive only after this idle time.
constexpr Duration kByteKeepAliveIdleMin = seconds(1);
// No word from here can have reached the sender, and its answer come back, any sooner.
Duration sender_answers_after(const Scene& scene) {
  return scene.least_sender_rtt() * 3 / 4 - kHostJitter;
}

}  // namespace

SenderTrack::Outcome SenderTrack::on_packet(const Scene& scene, const Segment& segment) {
  size_.learn(segment, census_.mode());
  const uint16_t packets = count_packet(scene, segment);
  LossCounters& counters = scene.counters;

  IpIdCensus::Numbering numbering;
  if (segment.has(kHasIpId)) {
    numbering.step = census_.step_to(segment.ip_id);
    if (!numbering.step.is_plain()) numbering = number(scene, segment, numbering.step);
  }
  Outcome outcome = Outcome::kJudged;
  if (segment.flag(kRst)) {
    ++counters.resets;
  } else if (segment.sequence_length() == 0) {
    outcome = judge_empty(scene, segment, numbering);
  } else {
    if (segment.has(kSackPermitted)) sacks_ = 1;
    counters.data_segments += packets;
    outcome = judge_data(scene, segment, numbering);
  }
  if (outcome == Outcome::kDuplicate) {
    counters.duplicate_packets += packets;
    copied_ = 1;
    last_was_syn_ = segment.flag(kSyn) ? 1 : 0;
    if (segment.flag(kSyn)) last_packet_ = std::max(last_packet_, segment.time);
    return outcome;
  }
  if (outcome == Outcome::kStray) return outcome;
  if (segment.has(kHasIpId)) take_number(scene, segment, packets, numbering);
  note_tsval(segment);
  last_packet_ = seen_ ? std::max(last_packet_, segment.time) : segment.time;
  // Flags share a word: reading one waits until another that was just written is in the cache. So
  // they are written to be changed, and not for every packet.
  if (segment.flag(kSyn) != last_was_syn()) last_was_syn_ = segment.flag(kSyn) ? 1 : 0;
  if (!seen_) seen_ = 1;
  return outcome;
}

// Whatever it is judged to be. Returns how many packets on the wire it stands for.
uint16_t SenderTrack::count_packet(const Scene& scene, const Segment& segment) const {
  const uint16_t packets = size_.packets_of(segment);
  LossCounters& counters = scene.counters;
  counters.packets += packets;
  counters.payload_bytes += segment.payload_length;
  if (segment.has(kCongestionExperienced)) counters.ecn_ce_packets += packets;
  if (segment.has(kHasWindow) && segment.window == 0 && !segment.flag(kRst))
    ++counters.zero_windows;
  return packets;
}

IpIdCensus::Gaps SenderTrack::id_gaps(const Scene& scene) const {
  TrackPools& pools = scene.pools;
  return {trouble_ == kNone ? nullptr : &pools.troubles[trouble_].id_gaps, pools.id_gaps};
}

IpIdCensus::Numbering SenderTrack::number(const Scene& scene, const Segment& segment,
                                          const IdStep& step) const {
  using Kind = IdStep::Kind;
  if (step.kind == Kind::kUnknown || step.kind == Kind::kJump) return {.step = step, .skip = {}};
  IpIdCensus::Context context;
  context.takes_bytes = segment.sequence_length() > 0;
  context.is_new = context.takes_bytes && (!started_ || segment.seq.unwrap(next_) >= next_);
  const uint64_t acked = newly_acknowledged(scene, segment);
  context.acks_more = acked > 0;
  context.after_sibling = segment.has(kAfterSibling);
  // Where we miss what it received, it was owed for what it acknowledges now.
  context.owed_acks = static_cast<int>(scene.owed_acks());
  if (acked > 0 && acked < StrayRun::kFar) {
    context.owed_acks = std::max<int>(context.owed_acks, size_.packets_in(acked, kTcpHeader));
  }
  // An empty packet says as well where the bytes after it begin.
  const StreamOffset begin = segment.seq.unwrap(next_);
  if (started_ && begin > next_ && begin < next_ + StrayRun::kFar) {
    context.hole_packets = size_.packets_in(begin - next_, segment.tcp_header_length);
  }
  // What is missing, or was sent again lately, may have been sent more than once.
  const bool in_doubt = context.hole_packets > 0 || (context.takes_bytes && !context.is_new) ||
                        (trouble_ != kNone && scene.pools.troubles[trouble_].in_doubt());
  if (in_doubt) {
    context.repeats =
        unacknowledged_or_missing(scene) + context.hole_packets + time_outs_before(segment);
  }
  return census_.number(step, context, id_gaps(scene));
}

// What its sender may send again: what was not acknowledged, or where acknowledgments are not
// captured, what is missing.
int SenderTrack::unacknowledged_or_missing(const Scene& scene) const {
  if (acked_ != StreamOffset()) return static_cast<int>(unacknowledged_packets());
  if (trouble_ == kNone) return 0;
  const HoleList& holes = scene.pools.troubles[trouble_].holes;
  const uint64_t missing = holes.overlap(scene.pools.holes, base_, next_).bytes;
  return missing == 0 ? 0 : size_.packets_in(missing, kTcpHeader);
}

// How much further than any before it a packet acknowledges.
uint64_t SenderTrack::newly_acknowledged(const Scene& scene, const Segment& segment) {
  const std::optional<SeqNum> before = scene.last_ack();
  if (!segment.flag(kAck) || !before) return 0;
  return static_cast<uint64_t>(std::max(0, serial_distance(before->raw(), segment.ack.raw())));
}

// Whether an acknowledgment without a number is the network's copy of one. Without SACK a receiver
// says the same again for each segment that it cannot use yet, but not what it said before others.
bool SenderTrack::is_copied_ack(const Scene& scene, const Segment& segment) const {
  const bool numbered = segment.has(kHasIpId) && segment.ip_id != 0;
  if (numbered || !segment.has(kHasTsval) || !segment.has(kHasWindow)) return false;
  const std::optional<CaptureTime> before = scene.pools.recent_acks.seen(segment);
  if (!before) return false;
  // What its sender has heard since may have come twice, and be answered so.
  const bool told =
      scene.heard() && *scene.heard() > *before && scene.least_sender_rtt() > Duration();
  if (told && segment.time - *before >= sender_answers_after(scene)) return false;
  const bool is_old =
      scene.last_ack() && serial_distance(scene.last_ack()->raw(), segment.ack.raw()) < 0;
  return is_old || (sacks_ != 0 && segment.has(kOptionsComplete) && !segment.has(kHasIpId));
}

void SenderTrack::take_number(const Scene& scene, const Segment& segment, uint16_t packets,
                              const IpIdCensus::Numbering& numbering) {
  if (numbering.step.is_plain() && census_.take_plain(segment.ip_id, packets)) {
    if (census_.holds()) scene.counters.census_packets += packets;
    size_.note_newest(segment);
    return;
  }
  const bool is_next = numbering.step.kind == IdStep::Kind::kNext;
  // Some resets are not of the connection's own making, but their host's.
  if (segment.flag(kRst) && (!is_next || numbering.step.skipped > 0)) return;
  const IpIdCensus::Taken taken = census_.take(segment.ip_id, packets, numbering, id_gaps(scene));
  if (taken.missing.count > 0) {
    Trouble* trouble = open_trouble(scene);
    bool waited_for = false;
    if (trouble != nullptr) {
      Pool<IdGap>& pool = scene.pools.id_gaps;
      if (trouble->id_gaps.full()) {
        pool.refuse();
        count_missing(scene, trouble->id_gaps.take_oldest(pool));
      }
      waited_for = trouble->id_gaps.open(pool, {.first = taken.missing.first,
                                                .count = taken.missing.count,
                                                .lost = taken.missing.lost,
                                                .since = last_packet_,
                                                .opened = segment.time});
    }
    if (!waited_for) census_.forget_missing(taken.missing.count);
  }
  scene.counters.census_packets += census_.covered_by(taken, packets, numbering, id_gaps(scene));
  if (is_next) size_.note_newest(segment);
}

// Counts the numbers that will not come any more, or if `now` is missing, all.
void SenderTrack::commit_missing_numbers(const Scene& scene, std::optional<CaptureTime> now) {
  IdGapList& gaps = scene.pools.troubles[trouble_].id_gaps;
  Pool<IdGap>& pool = scene.pools.id_gaps;
  while (!gaps.empty() && (!now || gaps.is_due(pool, *now, census_.mode().newest_position()))) {
    // Whether it was our own miss is told within half a second.
    if (now && !scene.gaps().known(gaps.oldest(pool).opened)) return;
    count_missing(scene, gaps.take_oldest(pool));
  }
}

void SenderTrack::count_missing(const Scene& scene, const IdGap& gap) {
  if (!census_.holds()) {
    census_.forget_missing(gap.count);
    return;
  }
  if (!scene.gaps().known(gap.opened) || scene.gaps().may_have_missed(gap.since, gap.opened))
    return;
  scene.counters.lost(Side::kBefore, LossMethod::kCensus) += gap.lost;
}

void SenderTrack::begin_at(StreamOffset offset, bool is_syn) {
  base_ = next_ = offset;
  started_ = 1;
  syn_seen_ = is_syn ? 1 : 0;
}

void SenderTrack::begin_with(const Segment& segment) {
  const bool acknowledged = acked_ != StreamOffset();
  const StreamOffset offset =
      acknowledged ? segment.seq.unwrap(acked_) : segment.seq.first_offset();
  begin_at(offset, segment.flag(kSyn));
  // Else the acknowledgment was of another connection.
  const bool fits = segment.flag(kSyn)
                        ? offset < acked_ && acked_ <= offset + segment.sequence_length()
                        : acked_ <= offset + StrayRun::kFar && offset <= acked_ + StrayRun::kFar;
  if (acknowledged && !fits) acked_ = StreamOffset();
}

bool SenderTrack::is_other_stream(const Segment& syn) const {
  if (started_) return syn.seq.unwrap(base_) != base_;
  // Nothing is known of it but empty segments or what was acknowledged: of an older stream, unless
  // that was this SYN. An answer only goes with a SYN, which was looked at.
  const bool met = seen_ != 0 || acked_ != StreamOffset();
  return met && !syn.flag(kAck) && syn.seq.unwrap(acked_) + 1 != acked_;
}

SenderTrack::Outcome SenderTrack::judge_empty(const Scene& scene, const Segment& segment,
                                              const IpIdCensus::Numbering& numbering) {
  if (segment.sack_count > 0) sacks_ = 1;
  const bool copied = is_copied_ack(scene, segment);
  if (copied || census_.was_seen(numbering)) {
    const StreamOffset begin = started_ ? segment.seq.unwrap(next_) : segment.seq.first_offset();
    scene.report(VerdictKind::kDuplicate, copied ? Evidence::kIdenticalCopy : Evidence::kIpId,
                 begin, CopyEvidence(segment));
    return Outcome::kDuplicate;
  }
  if (!started_) return Outcome::kJudged;
  const StreamOffset begin = segment.seq.unwrap(next_);
  if (begin > next_ && begin <= next_ + StrayRun::kFar) note_announcement(scene, segment, begin);
  if (begin + 1 != next_) return Outcome::kJudged;
  if (window_known_ && window_ == 0) {
    scene.report(VerdictKind::kWindowProbe, Evidence::kWindow, begin, CopyEvidence(segment));
  } else if (segment.time - last_packet_ >= kKeepAliveIdleMin &&
             (acked_ >= next_ || acked_ == StreamOffset())) {
    scene.report(VerdictKind::kKeepAlive, Evidence::kAcknowledged, begin, CopyEvidence(segment));
  }
  return Outcome::kJudged;
}

SenderTrack::Outcome SenderTrack::judge_data(const Scene& scene, const Segment& segment,
                                             IpIdCensus::Numbering& numbering) {
  if (!started_) begin_with(segment);
  close_missed(scene, segment.time, false);
  const StreamOffset begin = segment.seq.unwrap(next_);
  const StreamOffset end = begin + segment.sequence_length();
  const bool far = end > next_ + StrayRun::kFar || begin + StrayRun::kFar < next_;
  if (far && is_stray(scene, begin, end)) return take_stray(scene, segment);

  if (is_window_probe(segment, begin)) {
    if (begin == next_) byte_probed_ = 1;
    scene.report(VerdictKind::kWindowProbe, Evidence::kWindow, begin, CopyEvidence(segment));
    return Outcome::kJudged;
  }
  if (begin >= next_) {
    const int hole_packets =
        begin == next_ ? 0 : size_.packets_in(begin - next_, segment.tcp_header_length);
    const std::optional<Evidence> again =
        why_sent_before(scene, segment, numbering, begin, end, hole_packets);
    const int tail =
        census_.settle_tail(numbering, again.has_value(), size_.packets_of(segment), hole_packets);
    take_new(scene, segment, begin, end, numbering.skip.in_holes > 0 || census_.holds());
    if (again) {
      numbering.skip.tail = tail;
      Repeat repeat{.begin = begin, .end = end, .copy = CopyEvidence(segment)};
      repeat.first_copy = segment.time;
      repeat.since = last_packet_;
      repeat.packets = size_.packets_of(segment);
      repeat.first_was_seen = false;
      repeat.lost[static_cast<size_t>(Side::kBefore)] = repeat.packets;
      repeat.numbered = true;
      record_retransmission(scene, segment, repeat, Side::kBefore, *again);
    }
    return Outcome::kJudged;
  }

  if (syn_seen_ && begin < base_) return Outcome::kJudged;  // of an older stream

  const StreamOffset below_end = std::min(end, next_);
  const StreamOffset known_begin = std::clamp(base_, begin, below_end);
  HoleList::Overlap holes;
  bool repeated = false;
  if (trouble_ != kNone) {
    const Trouble& trouble = scene.pools.troubles[trouble_];
    holes = trouble.holes.overlap(scene.pools.holes, known_begin, below_end);
    repeated = begin < base_ && trouble.repeats.find(scene.pools.repeats, begin) != nullptr;
  }
  // Before the first captured byte of a stream nothing was seen, except what was sent again since.
  const uint64_t seen_bytes = (below_end - (repeated ? begin : known_begin)) - holes.bytes;
  Outcome outcome = Outcome::kJudged;
  if (seen_bytes > 0 || (begin < base_ && end <= acked_)) {
    outcome = judge_seen(scene, segment, begin, end, seen_bytes, holes.bytes);
  } else if (holes.lowest != nullptr) {
    const Hole hole = *holes.lowest;  // a copy: the hole is about to go
    outcome = judge_hole(scene, segment, begin, end, holes.bytes,
                         {&hole.opener, hole.since, hole.numbered});
  } else {
    outcome = judge_hole(scene, segment, begin, end, 0,
                         {copy_at(scene, base_).evidence(), last_packet_, false});
  }
  if (outcome == Outcome::kDuplicate) return outcome;
  census_.expect_tail(numbering,
                      numbering.unexplained > 0 ? repeats_lost_before(scene, segment, begin) : 0);
  if (holes.bytes > 0 && trouble_ != kNone) {
    scene.pools.troubles[trouble_].holes.fill(scene.pools.holes, known_begin, below_end);
  }
  if (end > next_) take_new(scene, segment, next_, end, false);
  return outcome;
}

// Whether a segment so far from the highest byte is none of the stream, as far as is known. Behind
// it, the receiver may still wait for the segment, or it was seen before.
bool SenderTrack::is_stray(const Scene& scene, StreamOffset begin, StreamOffset end) const {
  if (end > next_ + StrayRun::kFar) return true;
  if (acked_ != StreamOffset() && acked_ <= begin + StrayRun::kFar) return false;
  if (copy_at(scene, begin)) return false;
  return trouble_ == kNone ||
         scene.pools.troubles[trouble_].holes.overlap(scene.pools.holes, begin, end).bytes == 0;
}

SenderTrack::Outcome SenderTrack::take_stray(const Scene& scene, const Segment& segment) {
  Trouble* trouble = open_trouble(scene);
  if (trouble == nullptr) return Outcome::kStray;
  trouble->strays.add_segment(segment, {.next = next_, .acked = acked_});
  if (!trouble->strays.proven(scene.heard())) return Outcome::kStray;
  const StrayRun run = trouble->strays;
  forget_stream(scene, run);
  begin_at(run.resume(), false);
  take_new(scene, segment, next_, next_ + segment.sequence_length(), false);
  return Outcome::kJudged;
}

void SenderTrack::take_stray_acknowledgment(const Scene& scene, const Segment& segment) {
  Trouble* trouble = open_trouble(scene);
  if (trouble == nullptr) return;
  trouble->strays.add_acknowledgment(segment, {.next = next_, .acked = acked_});
  if (!trouble->strays.proven(last_packet())) return;
  const StrayRun run = trouble->strays;
  forget_stream(scene, run);
}

void SenderTrack::on_other_answer(const Scene& scene, const Segment& syn_ack) {
  scene.counters.data_segments += count_packet(scene, syn_ack);
  static_cast<void>(take_stray(scene, syn_ack));
}

// The run's strays are the stream: it is met in its middle anew, by the next segment, and nothing
// before that is a hole.
void SenderTrack::forget_stream(const Scene& scene, const StrayRun& run) {
  close_missed(scene, last_packet_, true);
  scene.counters.unseen_bytes += run.unseen_bytes(next_);
  // What the receiver said last it may have said of another connection, and answered nothing that
  // still waits: errs towards no loss.
  clear_trouble(scene.unheard());
  acked_ = run.acked();
  log_ = {};
  duplicate_acks_ = 0;
  started_ = 0;
  syn_seen_ = 0;
  window_known_ = 0;
  byte_probed_ = 0;
  probing_ = 0;
  has_newest_tsval_ = 0;
}

// The newest copy of the byte at `offset` that is remembered.
SenderTrack::SeenCopy SenderTrack::copy_at(const Scene& scene, StreamOffset offset) const {
  const TrackPools& pools = scene.pools;
  SeenCopy copy;
  if (trouble_ != kNone) {
    copy.repeat = pools.troubles[trouble_].repeats.find(pools.repeats, offset);
  }
  if (copy.repeat == nullptr) copy.record = pools.log.find(scene.owner(), log_, offset);
  return copy;
}

// 6a: some of its bytes were captured before.
SenderTrack::Outcome SenderTrack::judge_seen(const Scene& scene, const Segment& segment,
                                             StreamOffset begin, StreamOffset end,
                                             uint64_t seen_bytes, uint64_t hole_bytes) {
  const TrackPools& pools = scene.pools;
  const Trouble* trouble = trouble_ == kNone ? nullptr : &pools.troubles[trouble_];
  const SeenCopy seen = copy_at(scene, begin);
  const Repeat* repeat = seen.repeat;
  const SegmentRecord* record = seen.record;
  const CopyEvidence* copy = seen.evidence();
  const bool same_bytes = seen && seen.begin() == begin && seen.end() == end;

  Order order;
  if (copy != nullptr) {
    if (same_bytes && is_network_copy(scene, segment, *copy)) {
      const bool by_ip_id = segment.has(kHasIpId) && census_.mode().sequential();
      scene.report(VerdictKind::kDuplicate, by_ip_id ? Evidence::kIpId : Evidence::kIdenticalCopy,
                   begin, CopyEvidence(segment));
      if (Trouble* noted = open_trouble(scene)) {
        Repeat copied{.begin = begin, .end = end, .copy = CopyEvidence(segment)};
        copied.fate = Repeat::Fate::kCopied;
        noted->repeats.add(scene, copied);
      }
      return Outcome::kDuplicate;
    }
    order = order_of(segment, *copy);
    if (order.distance < 0) {
      take_overtaken(scene, segment, begin, end, repeat, record, order.evidence);
      return Outcome::kJudged;
    }
  }

  if (segment.payload_length == 1 && segment.sequence_length() == 1 && begin + 1 == next_ &&
      acked_ >= next_ && segment.time - last_packet_ > kByteKeepAliveIdleMin) {
    scene.report(VerdictKind::kKeepAlive, Evidence::kAcknowledged, begin, CopyEvidence(segment));
    return Outcome::kJudged;
  }
  // Simultaneous open: the answer to the other's SYN repeats the sender's own sequence number.
  if (segment.flag(kSyn) && segment.flag(kAck) && !syn_ack_seen_) {
    syn_ack_seen_ = 1;
    return Outcome::kJudged;
  }

  Repeat again{.begin = begin, .end = end, .copy = CopyEvidence(segment)};
  again.packets = size_.packets_of(segment);
  again.first_copy = repeat != nullptr ? repeat->first_copy
                     : copy != nullptr ? copy->time
                                       : last_packet_;
  again.since = again.first_copy;
  again.at_left_edge = begin == acked_ || (segment.flag(kSyn) && acked_ == StreamOffset());
  const bool acknowledged = end <= acked_;
  const bool sacked = trouble != nullptr && trouble->sacked.contains(pools.ranges, begin, end);
  if (acknowledged || sacked) {
    again.fate = Repeat::Fate::kSpurious;
    record_retransmission(scene, segment, again, {},
                          acknowledged ? Evidence::kAcknowledged : Evidence::kSacked);
    return Outcome::kJudged;
  }
  if (const auto reason = why_not_kept(scene, segment, begin, copy, record)) {
    record_retransmission(scene, segment, again, {}, *reason);
    return Outcome::kJudged;
  }
  again.lost[static_cast<size_t>(Side::kAfter)] = copies_in(scene, segment, begin, end, seen_bytes);
  if (hole_bytes > 0) {
    again.first_was_seen = false;
    again.lost[static_cast<size_t>(Side::kBefore)] = missing_in(scene, segment, begin, end);
  }
  record_retransmission(scene, segment, again, Side::kAfter,
                        order.distance > 0 ? order.evidence : Evidence::kSeenBefore);
  return Outcome::kJudged;
}

// How many of the packets that are missing a repeat stands for.
uint16_t SenderTrack::missing_in(const Scene& scene, const Segment& segment, StreamOffset begin,
                                 StreamOffset end) {
  TrackPools& pools = scene.pools;
  HoleList& holes = pools.troubles[trouble_].holes;
  const uint64_t missing = holes.count_packets(pools.holes, size_, begin, end);
  // Of a full segment, its FIN is no packet more.
  return static_cast<uint16_t>(std::min<uint64_t>(missing, size_.packets_of(segment)));
}

// How many packets that were seen a repeat stands for, with so many bytes: where it is cut at other
// bounds, for those whose last byte it holds, so that each is counted once.
uint16_t SenderTrack::copies_in(const Scene& scene, const Segment& segment, StreamOffset begin,
                                StreamOffset end, uint64_t seen_bytes) const {
  const uint16_t most =
      std::min(size_.packets_in(seen_bytes, segment.tcp_header_length), size_.packets_of(segment));
  if (segment.flag(kSyn)) return most;  // with data at first, it may come again without
  uint64_t copies = 0;
  while (begin < end && copies < most) {
    const SeenCopy copy = copy_at(scene, begin);
    if (!copy) return most;
    const uint32_t payload = copy.evidence()->payload_length;
    const uint64_t size = size_.most_of(payload, copy.evidence()->tcp_header_length);
    // The bounds within it lie before its last byte, be that a FIN.
    const uint64_t from = begin - copy.begin();
    const uint64_t to = std::min<uint64_t>(end - copy.begin(), std::max(payload, 1U) - 1);
    if (to > from) copies += to / size - from / size;
    if (copy.end() <= end) ++copies;
    begin = copy.end();
  }
  return static_cast<uint16_t>(std::min<uint64_t>(copies, most));
}

// What arrived, but was not kept: nothing was lost on the way. `copy` is the last one seen of it,
// in `record` if that was the first.
std::optional<Evidence> SenderTrack::why_not_kept(const Scene& scene, const Segment& segment,
                                                  StreamOffset begin, const CopyEvidence* copy,
                                                  const SegmentRecord* record) const {
  if (copy == nullptr) return {};
  // A receiver that closed its window throws away what comes all the same. Some of it may have been
  // lost before: errs towards no loss.
  if (trouble_ != kNone) {
    const Trouble& trouble = scene.pools.troubles[trouble_];
    if (begin < trouble.discarded_end && copy->time <= trouble.discarded_at) {
      return Evidence::kWindow;
    }
  }
  if (!syn_seen_) return {};
  // A Fast Open server that acknowledges the SYN alone has not kept its data (RFC 7413, section
  // 4.2.2).
  if (record != nullptr && record->begin == base_ && base_ < begin && acked_ == base_ + 1) {
    return Evidence::kSeenBefore;
  }
  // The other end spoke after the SYN, and not to acknowledge it: it challenged or reset what it
  // took for another connection's (RFC 5961), or opens too. It may not have seen the SYN for all
  // that: errs towards no loss.
  const bool lone_syn = segment.flag(kSyn) && !segment.flag(kAck);
  if (lone_syn && scene.heard() && *scene.heard() > copy->time) return Evidence::kSeenBefore;
  return {};
}

// The original comes last: what was taken for it had been sent again for nothing. That was
// `repeat`, or if null, what `record` says. Both copies are remembered, so that neither is counted
// twice.
void SenderTrack::take_overtaken(const Scene& scene, const Segment& segment, StreamOffset begin,
                                 StreamOffset end, const Repeat* repeat,
                                 const SegmentRecord* record, Evidence evidence) {
  if (repeat != nullptr) {
    scene.pools.troubles[trouble_].repeats.mark_overtaking(scene, repeat->copy, evidence);
  } else {
    Repeat overtaking{.begin = record->begin, .end = record->end(), .copy = record->copy};
    overtaking.packets =
        size_.packets_in(record->copy.payload_length, record->copy.tcp_header_length);
    overtaking.fate = Repeat::Fate::kSpurious;
    scene.counters.retransmitted_segments += overtaking.packets;
    scene.counters.retransmitted_bytes += record->copy.payload_length;
    scene.counters.spurious_retransmissions += overtaking.packets;
    scene.report(VerdictKind::kSpuriousRetransmission, evidence, overtaking.begin, overtaking.copy,
                 {}, VerdictKind::kInOrder);
    if (Trouble* trouble = open_trouble(scene)) trouble->repeats.add(scene, overtaking);
  }
  Repeat late{.begin = begin, .end = end, .copy = CopyEvidence(segment)};
  late.packets = size_.packets_of(segment);
  late.fate = Repeat::Fate::kLate;
  scene.counters.reordered_segments += late.packets;
  scene.report(VerdictKind::kReordered, evidence, begin, late.copy);
  if (Trouble* trouble = open_trouble(scene)) trouble->repeats.add(scene, late);
}

// 6b: none of its bytes was captured before. What lies before the first captured byte is no hole:
// compared with the first packet it is late or was sent again, but its first copy, sent before the
// capture began, may have been lost on either side, or passed and be under way still. Errs towards
// no loss.
SenderTrack::Outcome SenderTrack::judge_hole(const Scene& scene, const Segment& segment,
                                             StreamOffset begin, StreamOffset end,
                                             uint64_t hole_bytes, const Opening& opening) {
  const CopyEvidence* opener = opening.opener;
  const Order order = opener == nullptr ? Order{1, Evidence::kTimeOut}
                                        : compare_with_opener(scene, segment, end, *opener);
  Repeat repeat{.begin = begin, .end = end, .copy = CopyEvidence(segment)};
  repeat.first_copy = opener == nullptr ? last_packet_ : opener->time;
  repeat.packets = size_.packets_of(segment);
  repeat.since = opening.since;
  repeat.numbered = opening.numbered;
  repeat.at_left_edge = begin == acked_;
  if (order.distance < 0) {
    scene.counters.reordered_segments += repeat.packets;
    scene.report(VerdictKind::kReordered, order.evidence, begin, repeat.copy);
    repeat.fate = Repeat::Fate::kLate;
    if (Trouble* trouble = open_trouble(scene)) trouble->repeats.add(scene, repeat);
    return Outcome::kJudged;
  }
  std::optional<Side> side;
  if (hole_bytes > 0) {
    side = Side::kBefore;
    repeat.first_was_seen = false;
    repeat.lost[static_cast<size_t>(Side::kBefore)] = missing_in(scene, segment, begin, end);
  }
  record_retransmission(scene, segment, repeat, side, order.evidence);
  return Outcome::kJudged;
}

// The first evidence that decides whether a segment was sent before or after the packet that
// revealed its absence.
SenderTrack::Order SenderTrack::compare_with_opener(const Scene& scene, const Segment& segment,
                                                    StreamOffset end,
                                                    const CopyEvidence& opener) const {
  const Order order = order_of(segment, opener);
  if (order.distance != 0) return order;
  const int acks_apart = serial_distance(opener.ack, segment.ack.raw());
  if (segment.flag(kAck) && acks_apart != 0) return {acks_apart, Evidence::kAckField};

  const Duration late = segment.time - opener.time;
  const Duration soonest = scene.least_path_rtt() > Duration::zero()
                               ? scene.least_path_rtt() * 3 / 4
                           : scene.path_rtt() > Duration::zero() ? scene.path_rtt() * 3 / 4
                                                                 : kReorderingMax;
  if (late < soonest) return {-1, Evidence::kProximity};
  const bool sacked_above = trouble_ != kNone && scene.pools.troubles[trouble_].sacked.any_beyond(
                                                     scene.pools.ranges, end);
  if (sacked_above) return {1, Evidence::kSackAbove};
  if (duplicate_acks_ >= 2) return {1, Evidence::kDuplicateAcks};
  if (late > std::max(kTimeOutMin, scene.path_rtt())) return {1, Evidence::kTimeOut};
  return {-1, Evidence::kLowConfidence};
}

// Sent again. `side`: where the first copy was lost, if it was.
void SenderTrack::record_retransmission(const Scene& scene, const Segment& segment,
                                        const Repeat& repeat, std::optional<Side> side,
                                        Evidence evidence) {
  LossCounters& counters = scene.counters;
  probe_repeated_ = 1;
  if (evidence == Evidence::kSkippedIpId && !scene.gaps().known(segment.time)) {
    Repeat deferred = repeat;
    deferred.deferred = true;
    if (Trouble* trouble = open_trouble(scene)) trouble->repeats.add(scene, deferred);
    return;
  }
  counters.retransmitted_segments += repeat.packets;
  counters.retransmitted_bytes += segment.payload_length;
  if (segment.flag(kSyn)) {
    const Handshake kind = segment.flag(kAck) ? Handshake::kSynAck : Handshake::kSyn;
    ++counters.handshake_retransmissions[static_cast<size_t>(kind)];
  }
  const bool spurious = repeat.fate == Repeat::Fate::kSpurious;
  if (spurious) counters.spurious_retransmissions += repeat.packets;
  scene.report(spurious ? VerdictKind::kSpuriousRetransmission : VerdictKind::kRetransmission,
               evidence, repeat.begin, repeat.copy, side);
  if (Trouble* trouble = open_trouble(scene)) trouble->repeats.add(scene, repeat);
}

// 5: beyond all that was seen.
void SenderTrack::take_new(const Scene& scene, const Segment& segment, StreamOffset begin,
                           StreamOffset end, bool numbered) {
  if (begin > next_) {
    if (Trouble* trouble = open_trouble(scene)) {
      trouble->holes.open(scene.pools.holes, next_, begin, CopyEvidence(segment),
                          seen_ ? last_packet_ : segment.time, numbered);
      if (acked_ > next_) {
        trouble->holes.mark_held(scene.pools.holes, next_, std::min(acked_, begin),
                                 trouble->beyond_since.value_or(segment.time));
      }
    }
  }
  scene.pools.log.append(scene.owner(), log_, begin, end, segment);
  next_ = end;
  if (trouble_ != kNone && scene.pools.troubles[trouble_].announced <= next_) {
    scene.pools.troubles[trouble_].announced = StreamOffset();
  }
  byte_probed_ = 0;
  if (segment.flag(kSyn) && segment.flag(kAck)) syn_ack_seen_ = 1;
  if (!probing_) begin_probe(segment);
}

// The round trip of what ends at next_ is to be measured.
void SenderTrack::begin_probe(const Segment& segment) {
  probing_ = 1;
  probe_repeated_ = 0;
  probe_sent_ = segment.time;
  probe_end_ = SeqNum(next_);
  probe_tsval_ = segment.tsval;
  // A stream that is first seen in its middle may have sent this timestamp before.
  probe_tsval_is_new_ =
      segment.has(kHasTsval) &&
      (has_newest_tsval_ ? serial_distance(newest_tsval_, segment.tsval) > 0 : segment.flag(kSyn));
}

// A packet without data carries the next number its sender will use (SND.NXT, RFC 9293, section
// 3.3.1): what lies below it was sent.
void SenderTrack::note_announcement(const Scene& scene, const Segment& segment,
                                    StreamOffset offset) {
  Trouble* trouble = open_trouble(scene);
  if (trouble == nullptr || trouble->announced != StreamOffset()) return;
  trouble->announced = offset;
  trouble->announcement = CopyEvidence(segment);
}

// Why bytes that are new to us were sent before all the same: by what earlier packets said of them,
// or because they are a lost tail.
std::optional<Evidence> SenderTrack::why_sent_before(const Scene& scene, const Segment& segment,
                                                     const IpIdCensus::Numbering& numbering,
                                                     StreamOffset begin, StreamOffset end,
                                                     int hole_packets) const {
  if (trouble_ != kNone && begin < scene.pools.troubles[trouble_].announced) {
    const CopyEvidence& announcement = scene.pools.troubles[trouble_].announcement;
    const Order order = compare_with_opener(scene, segment, end, announcement);
    if (order.distance > 0) return Evidence::kAnnounced;
  }
  if (is_tail_repeat(scene, segment, numbering, hole_packets)) return Evidence::kSkippedIpId;
  return std::nullopt;
}

// How often the sender can have waited in vain since its last packet, by RFC 6298, section 5.5.
int SenderTrack::time_outs_before(const Segment& segment) const {
  int time_outs = 0;
  Duration time_out = kTimeOutMin;
  for (Duration left = segment.time - last_packet_; left >= time_out; time_out *= 2) {
    left -= time_out;
    ++time_outs;
  }
  return time_outs;
}

// How many repeats at most were lost since the packet before this one, itself a repeat. Nothing of
// the sender's came by, so that its receiver said nothing new: it may have sent what is missing
// once, from the lowest on, and after a time-out anew, then one segment for each further time-out
// (RFC 6298, section 5.5).
int SenderTrack::repeats_lost_before(const Scene& scene, const Segment& segment,
                                     StreamOffset begin) const {
  const int time_outs = time_outs_before(segment);
  if (trouble_ == kNone) return time_outs;
  const uint64_t missing =
      scene.pools.troubles[trouble_]
          .holes.overlap(scene.pools.holes, base_, time_outs > 0 ? next_ : begin)
          .bytes;
  if (missing == 0) return time_outs;
  return time_outs + size_.packets_in(missing, segment.tcp_header_length);
}

// Numbers are missing that nothing else explains, and the sender waited as for a probe or a
// time-out, or is repeating already. What follows it at once is the rest of that tail.
bool SenderTrack::is_tail_repeat(const Scene& scene, const Segment& segment,
                                 const IpIdCensus::Numbering& numbering, int hole_packets) const {
  // What answers more than before is sent after that tail.
  const bool answers = newly_acknowledged(scene, segment) > 0;
  if (!answers && census_.in_tail(numbering, hole_packets)) return true;
  if (!census_.may_be_tail(numbering)) return false;
  CaptureTime since = last_packet_;
  // The timer starts anew with each word that the sender had by then.
  const bool may_answer = scene.owed_acks() > 0 || !census_.mode().trusted();
  if (may_answer && scene.heard() && segment.time - *scene.heard() >= sender_answers_after(scene)) {
    since = std::max(since, *scene.heard());
  }
  // The sender's smoothed round trip (RFC 8985, section 7.2) is no less than the least on its path.
  const Duration wait =
      scene.least_path_rtt() > Duration::zero()
          ? std::clamp<Duration>(2 * scene.least_path_rtt(), kProbeDelayMin, kTimeOutMin)
          : kTimeOutMin;
  return segment.time - since >= wait;
}

bool SenderTrack::is_window_probe(const Segment& segment, StreamOffset begin) const {
  return window_known_ && window_ == 0 && segment.payload_length == 1 &&
         segment.sequence_length() == 1 && (begin == next_ || begin + 1 == next_);
}

// Which of two packets was sent first, by the numbers that count up.
SenderTrack::Order SenderTrack::order_of(const Segment& segment, const CopyEvidence& copy) const {
  // Nothing is late for so long: it counts backwards, went round, or is not the sender's alone.
  const bool may_be_late = segment.time - copy.time < kLatenessMax;
  if (segment.has(kHasTsval) && copy.has(kHasTsval) && segment.tsval != copy.tsval) {
    const int distance = serial_distance(copy.tsval, segment.tsval);
    if (distance > 0 || may_be_late) return {distance, Evidence::kTsval};
  }
  if (segment.has(kHasIpId) && copy.has(kHasIpId) && census_.mode().sequential() &&
      segment.ip_id != copy.ip_id) {
    const int distance = census_.mode().distance(copy.ip_id, segment.ip_id);
    if (distance > 0 || may_be_late) return {distance, Evidence::kIpId};
  }
  return {};
}

bool SenderTrack::is_network_copy(const Scene& scene, const Segment& segment,
                                  const CopyEvidence& copy) const {
  const Duration apart = segment.time - copy.time;
  const bool same_tsval = segment.has(kHasTsval) == copy.has(kHasTsval) &&
                          (!segment.has(kHasTsval) || segment.tsval == copy.tsval);
  if (!same_tsval || segment.ack.raw() != copy.ack) return false;
  // A SYN that comes twice, if only as the network's copy, is answered twice; at once, if it was
  // sent again and the timer of the first answer runs out meanwhile.
  if (segment.flag(kSyn) && segment.flag(kAck) && scene.heard_syn() &&
      (scene.heard_repeated_syn() || *scene.heard() > copy.time)) {
    return false;
  }
  // A server may resend a stored packet with its old number, but not before a time-out.
  const bool numbered =
      segment.has(kHasIpId) && copy.has(kHasIpId) && (segment.ip_id != 0 || copy.ip_id != 0);
  if (numbered) return segment.ip_id == copy.ip_id && apart < kTimeOutMin;
  // Without numbers, a sender that has just heard of the loss sends exactly the same. Any word
  // since may have told it: a SACK above, or that something arrived which was sent later (RFC
  // 8985).
  const StreamOffset begin = segment.seq.unwrap(next_);
  const StreamOffset end = begin + segment.sequence_length();
  bool held = end <= acked_;
  bool told = scene.heard() && *scene.heard() > copy.time;
  if (trouble_ != kNone) {
    const RangeList& sacked = scene.pools.troubles[trouble_].sacked;
    held = held || sacked.contains(scene.pools.ranges, begin, end);
    told = told || sacked.any_beyond(scene.pools.ranges, end);
  }
  if (told && !held && apart >= sender_answers_after(scene)) return false;
  const Duration sender_learns = scene.path_rtt() > Duration::zero()
                                     ? std::min(scene.path_rtt(), kCopyDelayMax)
                                     : kCopyDelayMax;
  return segment.has(kHasWindow) && segment.window == copy.window &&
         segment.checksum == copy.checksum && segment.tsecr == copy.tsecr && apart < sender_learns;
}

bool SenderTrack::on_acknowledgment(const Scene& scene, const Segment& segment) {
  if (segment.flag(kRst) || !segment.flag(kAck)) return false;
  const bool first = acked_ == StreamOffset();
  const StreamOffset ack = first
                               ? (started_ ? segment.ack.unwrap(next_) : segment.ack.first_offset())
                               : segment.ack.unwrap(acked_);
  // The first one after a SYN acknowledges it (RFC 9293, section 3.10.7.3).
  const bool of_another =
      first ? syn_seen_ != 0 && (ack <= base_ || next_ < ack) : ack + StrayRun::kFar < acked_;
  if (started_ && (of_another || ack > next_ + StrayRun::kFar)) {
    take_stray_acknowledgment(scene, segment);
    return false;
  }
  const bool outstanding = has_unacknowledged();
  const bool same_window = window_known_ && segment.has(kHasWindow) && segment.window == window_;
  // A late one says nothing of the window (RFC 9293, section 3.10.7.4).
  if (segment.has(kHasWindow) && ack >= acked_) {
    window_ = segment.window;
    window_known_ = segment.flag(kSyn) ? 0 : 1;
  }
  // First, since a segment may report a duplicate of what it acknowledges.
  if (started_ && segment.sack_count > 0) learn_sacks(scene, segment, ack);
  const bool advanced = ack > acked_;
  if (advanced) {
    const StreamOffset before = acked_;
    acked_ = ack;
    duplicate_acks_ = 0;
    if (started_) {
      if (byte_probed_ && acked_ == next_ + 1) {
        next_ = acked_;
        byte_probed_ = 0;
      }
      sample_rtt(scene, segment);
      note_acknowledged(scene, segment, before);
    }
  }
  const bool duplicate = ack == acked_ && !advanced && outstanding &&
                         segment.sequence_length() == 0 && (same_window || segment.sack_count > 0);
  if (duplicate && duplicate_acks_ < 3) ++duplicate_acks_;
  const bool says_again = ack == acked_ && !advanced && same_window &&
                          segment.sequence_length() == 0 && segment.sack_count == 0;
  if (says_again && trouble_ != kNone) note_answer(scene, segment.time);
  // Closed before anything was sent beyond the acknowledgment, it threw nothing away.
  if (window_known_ && window_ == 0 && ack == acked_ && has_unacknowledged()) {
    if (Trouble* trouble = open_trouble(scene)) {
      trouble->discarded_end = next_;
      trouble->discarded_at = segment.time;
    }
  }
  return duplicate;
}

// An acknowledgment that says nothing new answers a packet that the receiver had already, or one
// beyond the byte that it asks for. Packets are answered in the order in which they were sent.
void SenderTrack::note_answer(const Scene& scene, CaptureTime now) {
  // Where SACKs are in use it would say so (RFC 2883), unless that was a SYN.
  const bool of_syn = syn_seen_ && acked_ == base_ + 1;
  if (!scene.without_sacks() && !of_syn) return;
  const RepeatList& repeats = scene.pools.troubles[trouble_].repeats;
  const CaptureTime sent_until = now - rtt_.least() * 3 / 4;  // and no later, to be answered now
  Repeat* repeat = repeats.answered(scene, acked_, now, sent_until);
  if (repeat == nullptr) return;
  // The left edge was needed most likely: it is answered so only if nothing else can be.
  const CaptureTime until = repeat->at_left_edge ? sent_until : repeat->copy.time;
  const SegmentRecord* before = scene.pools.log.newest_until(scene.owner(), log_, until);
  const bool is_next =
      before != nullptr && (before->begin <= acked_ || now - before->copy.time >= kTimeOutMin);
  if (is_next) RepeatList::mark_answered(scene, *repeat);
}

void SenderTrack::note_acknowledged(const Scene& scene, const Segment& segment,
                                    StreamOffset before) {
  if (acked_ > next_) {
    Trouble* trouble = open_trouble(scene);
    if (trouble != nullptr && !trouble->beyond_since) trouble->beyond_since = segment.time;
  } else if (trouble_ != kNone) {
    scene.pools.troubles[trouble_].beyond_since.reset();
  }
  if (trouble_ == kNone) return;
  Trouble& trouble = scene.pools.troubles[trouble_];
  trouble.holes.mark_held(scene.pools.holes, StreamOffset(), acked_, segment.time);
  trouble.sacked.trim(scene.pools.ranges, acked_);
  if (trouble.discarded_end <= acked_) trouble.discarded_end = StreamOffset();
  trouble.repeats.acknowledge(scene, {.segment = segment,
                                      .before = before,
                                      .acked = acked_,
                                      // A handshake with timestamps promises the echo.
                                      .echoes = echo_seen_ != 0 || before == StreamOffset(),
                                      .least_rtt = least_rtt()});
}

void SenderTrack::learn_sacks(const Scene& scene, const Segment& segment, StreamOffset ack) {
  Trouble* trouble = open_trouble(scene);
  if (trouble == nullptr) return;
  const auto unwrapped = [&](int i) {
    const SackBlock& block = segment.sack[static_cast<size_t>(i)];
    return Range{.begin = block.left.unwrap(ack), .end = block.right.unwrap(ack)};
  };
  for (int i = 0; i < segment.sack_count; ++i) {
    const Range block = unwrapped(i);
    if (block.end <= block.begin || block.end > next_ + kWindowMax) continue;
    // RFC 2883, section 4: the first block may report what came twice.
    bool duplicated = i == 0 && block.end <= ack;
    if (i == 0 && !duplicated && segment.sack_count > 1) {
      const Range second = unwrapped(1);
      duplicated = second.begin <= block.begin && block.end <= second.end;
    }
    if (duplicated) {
      // Of bytes that were never sent twice, only the network can have made two.
      const bool explained = trouble->repeats.mark_duplicated(
          scene, block.begin, block.end, segment.time, rtt_.least(), copied_ != 0);
      if (!explained && block.begin >= base_ && block.end <= next_) copied_ = 1;
    } else if (block.begin >= ack) {
      trouble->sacked.add(scene.pools.ranges, block.begin, block.end);
      trouble->holes.mark_held(scene.pools.holes, block.begin, block.end, segment.time);
      trouble->repeats.hold(scene, block.begin, block.end, segment.time, least_rtt());
    }
  }
  drop_trouble_if_over(scene);
}

// When what `segment` answers was sent, if a round trip ends with it: with the ACK of the segment's
// exact end, unless anything was sent again since (Karn), or with the first echo of a timestamp
// that the segment was the first to carry. Else null.
const CaptureTime* SenderTrack::answered_probe(const Scene& scene, const Segment& segment) const {
  // The answer to a SYN that was sent again may have been sent again too.
  if (segment.flag(kSyn) && probe_repeated_) return nullptr;
  // Of a SYN-ACK that was sent again, the echo says which copy came first.
  if (probe_end() == base_ + 1 && probe_repeated_ && trouble_ != kNone && segment.has(kHasTsecr)) {
    const TrackPools& pools = scene.pools;
    const Repeat* copy =
        pools.troubles[trouble_].repeats.find_copy(pools.repeats, base_, segment.tsecr);
    if (copy != nullptr) return &copy->copy.time;
  }
  const bool exact = acked_ == probe_end() && !probe_repeated_;
  return exact || is_probe_echo(segment) ? &probe_sent_ : nullptr;
}

bool SenderTrack::is_probe_echo(const Segment& segment) const {
  return probe_tsval_is_new_ && segment.has(kHasTsecr) && segment.tsecr == probe_tsval_;
}

void SenderTrack::sample_rtt(const Scene& scene, const Segment& segment) {
  if (!probing_) return;
  // How long it took is not known if the clock was set in between.
  const CaptureTime* sent = answered_probe(scene, segment);
  if (sent != nullptr && *sent > scene.clock_set() && segment.time - *sent >= -kCaptureSkew) {
    const Duration sample = std::max(Duration::zero(), segment.time - *sent);
    if (sample <= kRoundTripMax) {
      rtt_.add(sample, segment.flag(kSyn) || probe_end() == base_ + 1);
      ++scene.counters.rtt_count;
      scene.counters.rtt_sum += sample;
      scene.rtt_buckets().count(sample, scene.counters.rtt_buckets);
    }
  }
  const bool echoed = is_probe_echo(segment);
  if (echoed) echo_seen_ = 1;
  if (echoed || acked_ >= probe_end()) probing_ = 0;
}

// What the receiver has and the capture has not: its own miss, never loss.
void SenderTrack::close_missed(const Scene& scene, CaptureTime now, bool at_once) {
  if (trouble_ == kNone) return;
  Trouble& trouble = scene.pools.troubles[trouble_];
  const auto grace = at_once ? std::nullopt : std::optional(kCaptureSkew);
  scene.counters.unseen_bytes += trouble.holes.close_held(scene.pools.holes, now, grace);
  if (trouble.beyond_since && (at_once || now - *trouble.beyond_since > kCaptureSkew)) {
    if (acked_ > next_) {
      scene.counters.unseen_bytes += acked_ - next_;
      next_ = acked_;
    }
    trouble.beyond_since.reset();
  }
  drop_trouble_if_over(scene);
}

void SenderTrack::settle(const Scene& scene, CaptureTime now) {
  close_missed(scene, now, false);
  if (trouble_ == kNone) return;
  commit_missing_numbers(scene, now);
  Trouble& trouble = scene.pools.troubles[trouble_];
  trouble.repeats.settle(scene, now);
  if (trouble.strays.is_old(now)) trouble.strays = StrayRun();
  drop_trouble_if_over(scene);
}

void SenderTrack::finish(const Scene& scene) {
  close_missed(scene, last_packet_, true);
  if (trouble_ == kNone) return;
  TrackPools& pools = scene.pools;
  Trouble& trouble = pools.troubles[trouble_];
  commit_missing_numbers(scene, std::nullopt);
  // The sender never came to send these again, but the receiver said that it missed them.
  for (uint32_t i = trouble.holes.first(); i != kNone; i = pools.holes[i].next) {
    const Hole& hole = pools.holes[i];
    const bool missed = trouble.sacked.any_beyond(pools.ranges, hole.end) ||
                        (hole.begin == acked_ && duplicate_acks_ >= 2);
    if (!missed || (hole.numbered && census_.holds())) continue;
    const CaptureTime opened = hole.opener.time;
    if (!scene.gaps().known(opened) || scene.gaps().may_have_missed(hole.since, opened)) continue;
    scene.counters.lost(Side::kBefore, LossMethod::kSequence) +=
        trouble.holes.count_packets(pools.holes, size_, hole.begin, hole.end);
  }
  clear_trouble(scene);
}

void SenderTrack::clear_trouble(const Scene& scene) {
  TrackPools& pools = scene.pools;
  Trouble& trouble = pools.troubles[trouble_];
  trouble.repeats.finish(scene);
  trouble.holes.clear(pools.holes);
  trouble.sacked.clear(pools.ranges);
  census_.forget_missing(trouble.id_gaps.missing(pools.id_gaps));
  trouble.id_gaps.clear(pools.id_gaps);
  trouble = Trouble();
  trouble.owner = scene.owner();
  drop_trouble_if_over(scene);
}

Trouble* SenderTrack::open_trouble(const Scene& scene) {
  if (!scene.connected() && scene.pools.crowded()) {
    scene.pools.troubles.refuse();
    return nullptr;
  }
  if (trouble_ == kNone) {
    trouble_ = scene.pools.troubles.acquire();
    if (trouble_ == kNone) return nullptr;
    scene.pools.troubles[trouble_].owner = scene.owner();
  }
  return &scene.pools.troubles[trouble_];
}

void SenderTrack::drop_trouble_if_over(const Scene& scene) {
  if (trouble_ == kNone || !scene.pools.troubles[trouble_].over()) return;
  scene.pools.troubles[trouble_].owner = kNone;
  scene.pools.troubles.release(trouble_);
  trouble_ = kNone;
}

}  // namespace lossgazer
