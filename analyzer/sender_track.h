// One direction of a flow: judges each packet of its sender by what was captured of the direction
// before, and by what the receiver acknowledged. Knows nothing of peers, of other flows or of
// clocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "analyzer/ip_id_census.h"
#include "analyzer/pool.h"
#include "analyzer/repeat_list.h"
#include "analyzer/rtt_leg.h"
#include "analyzer/scene.h"
#include "analyzer/segment.h"
#include "analyzer/segment_log.h"
#include "analyzer/segment_size.h"
#include "analyzer/seq_num.h"
#include "analyzer/serial.h"
#include "analyzer/stray_run.h"
#include "analyzer/units.h"

namespace lossgazer {

struct Trouble;

// Quiet directions are small; what a troubled one needs comes from the shard's pools. Whoever drops
// a track calls finish() first. Not thread-safe.
class SenderTrack {
 public:
  enum class Outcome : uint8_t { kJudged, kDuplicate, kStray };
  // Judges a packet that this direction's sender sent. A duplicate says nothing new: its
  // acknowledgment is not to be looked at. A stray does not fit the stream, as far as is known.
  Outcome on_packet(const Scene& scene, const Segment& segment);
  // Learns from a packet that this direction's receiver sent: what it acknowledges, SACKs, echoes
  // and has room for. Returns whether it is a duplicate acknowledgment (RFC 5681, section 2).
  bool on_acknowledgment(const Scene& scene, const Segment& segment);

  // The short way for packets that say nothing but what was to come next: see header_prediction.cc.
  // Whether one of this direction's sender is such, and takes it.
  [[nodiscard]] bool predicts(const Segment& segment) const;
  void take_predicted(const Scene& scene, const Segment& segment);
  // The same for one of its receiver.
  [[nodiscard]] bool predicts_acknowledgment(const Segment& segment) const;
  void take_predicted_acknowledgment(const Scene& scene, const Segment& segment);

  // A SYN-ACK that is_other_stream(): followed once both ends go on from there.
  void on_other_answer(const Scene& scene, const Segment& syn_ack);
  // The receiver's SYN says how large segments may be.
  void limit_segment_size(uint16_t mss) { size_.limit(mss); }

  // Time passed: decides what can be decided by now.
  void settle(const Scene& scene, CaptureTime now);
  // The flow ends: decides everything and gives back what it held in the pools.
  void finish(const Scene& scene);

  // The clock was set back to `time`: what was seen is no later.
  void set_back(CaptureTime time) { last_packet_ = std::min(last_packet_, time); }

  // Something waits for settle().
  [[nodiscard]] bool is_troubled() const { return trouble_ != kNone; }
  [[nodiscard]] bool started() const { return started_; }
  // A SYN (RFC 9293) that began another stream than this one.
  [[nodiscard]] bool is_other_stream(const Segment& syn) const;
  [[nodiscard]] std::optional<CaptureTime> last_packet() const {
    return seen_ ? std::optional(last_packet_) : std::nullopt;
  }
  [[nodiscard]] const RttLeg& rtt() const { return rtt_; }
  // The missing identification numbers are counted as loss before the capture point.
  [[nodiscard]] bool census_holds() const { return census_.holds(); }
  [[nodiscard]] bool last_was_syn() const { return last_was_syn_ != 0; }
  // And was sent again.
  [[nodiscard]] bool syn_was_repeated() const { return last_was_syn() && probe_repeated_ != 0; }
  // What the receiver acknowledged; nothing until it did.
  [[nodiscard]] std::optional<SeqNum> last_ack() const {
    return acked_ == StreamOffset() ? std::nullopt : std::optional(SeqNum(acked_));
  }
  [[nodiscard]] uint32_t unacknowledged_packets() const {
    return has_unacknowledged() ? size_.packets_in(next_ - std::max(acked_, base_), kTcpHeader) : 0;
  }
  // Bytes were captured that the receiver has not acknowledged, as far as is known.
  [[nodiscard]] bool has_unacknowledged() const { return started_ && acked_ < next_; }

 private:
  struct Order {
    int distance = 0;  // negative: sent before the other packet; 0: cannot be told
    Evidence evidence = Evidence::kUndecided;
  };

  // A copy of some bytes that was captured: a repeat, or else their first, or neither.
  struct SeenCopy {
    const Repeat* repeat = nullptr;
    const SegmentRecord* record = nullptr;

    explicit operator bool() const { return repeat != nullptr || record != nullptr; }
    [[nodiscard]] StreamOffset begin() const {
      return repeat != nullptr ? repeat->begin : record->begin;
    }
    [[nodiscard]] StreamOffset end() const {
      return repeat != nullptr ? repeat->end : record->end();
    }
    [[nodiscard]] const CopyEvidence* evidence() const {
      return repeat != nullptr ? &repeat->copy : record != nullptr ? &record->copy : nullptr;
    }
  };

  // How bytes that are new to us came to be missing. `opener` is the packet that revealed the gap,
  // null if it is so long ago that it was forgotten; `since`, the packet before it.
  struct Opening {
    const CopyEvidence* opener;
    CaptureTime since;
    bool numbered;
  };

  void begin_at(StreamOffset offset, bool is_syn);
  void begin_with(const Segment& segment);
  [[nodiscard]] bool is_stray(const Scene& scene, StreamOffset begin, StreamOffset end) const;
  Outcome take_stray(const Scene& scene, const Segment& segment);
  void take_stray_acknowledgment(const Scene& scene, const Segment& segment);
  void forget_stream(const Scene& scene, const StrayRun& run);

  uint16_t count_packet(const Scene& scene, const Segment& segment) const;
  [[nodiscard]] IpIdCensus::Gaps id_gaps(const Scene& scene) const;
  [[nodiscard]] IpIdCensus::Numbering number(const Scene& scene, const Segment& segment,
                                             const IdStep& step) const;
  [[nodiscard]] int unacknowledged_or_missing(const Scene& scene) const;
  [[nodiscard]] static uint64_t newly_acknowledged(const Scene& scene, const Segment& segment);
  [[nodiscard]] bool is_copied_ack(const Scene& scene, const Segment& segment) const;
  void take_number(const Scene& scene, const Segment& segment, uint16_t packets,
                   const IpIdCensus::Numbering& numbering);
  void commit_missing_numbers(const Scene& scene, std::optional<CaptureTime> now);
  void count_missing(const Scene& scene, const IdGap& gap);

  Outcome judge_empty(const Scene& scene, const Segment& segment,
                      const IpIdCensus::Numbering& numbering);
  Outcome judge_data(const Scene& scene, const Segment& segment, IpIdCensus::Numbering& numbering);
  [[nodiscard]] uint16_t missing_in(const Scene& scene, const Segment& segment, StreamOffset begin,
                                    StreamOffset end);
  [[nodiscard]] uint16_t copies_in(const Scene& scene, const Segment& segment, StreamOffset begin,
                                   StreamOffset end, uint64_t seen_bytes) const;
  Outcome judge_seen(const Scene& scene, const Segment& segment, StreamOffset begin,
                     StreamOffset end, uint64_t seen_bytes, uint64_t hole_bytes);
  void take_overtaken(const Scene& scene, const Segment& segment, StreamOffset begin,
                      StreamOffset end, const Repeat* repeat, const SegmentRecord* record,
                      Evidence evidence);
  Outcome judge_hole(const Scene& scene, const Segment& segment, StreamOffset begin,
                     StreamOffset end, uint64_t hole_bytes, const Opening& opening);
  [[nodiscard]] Order compare_with_opener(const Scene& scene, const Segment& segment,
                                          StreamOffset end, const CopyEvidence& opener) const;
  void record_retransmission(const Scene& scene, const Segment& segment, const Repeat& repeat,
                             std::optional<Side> side, Evidence evidence);
  void take_new(const Scene& scene, const Segment& segment, StreamOffset begin, StreamOffset end,
                bool numbered);
  [[nodiscard]] SeenCopy copy_at(const Scene& scene, StreamOffset offset) const;
  void note_announcement(const Scene& scene, const Segment& segment, StreamOffset offset);
  [[nodiscard]] std::optional<Evidence> why_sent_before(const Scene& scene, const Segment& segment,
                                                        const IpIdCensus::Numbering& numbering,
                                                        StreamOffset begin, StreamOffset end,
                                                        int hole_packets) const;
  [[nodiscard]] bool is_tail_repeat(const Scene& scene, const Segment& segment,
                                    const IpIdCensus::Numbering& numbering, int hole_packets) const;
  [[nodiscard]] int time_outs_before(const Segment& segment) const;
  [[nodiscard]] int repeats_lost_before(const Scene& scene, const Segment& segment,
                                        StreamOffset begin) const;
  [[nodiscard]] bool is_window_probe(const Segment& segment, StreamOffset begin) const;
  [[nodiscard]] Order order_of(const Segment& segment, const CopyEvidence& copy) const;
  [[nodiscard]] bool is_network_copy(const Scene& scene, const Segment& segment,
                                     const CopyEvidence& copy) const;

  [[nodiscard]] std::optional<Evidence> why_not_kept(const Scene& scene, const Segment& segment,
                                                     StreamOffset begin, const CopyEvidence* copy,
                                                     const SegmentRecord* record) const;

  [[nodiscard]] std::optional<Duration> least_rtt() const {
    return rtt_.known() ? std::optional(rtt_.least()) : std::nullopt;
  }
  void note_acknowledged(const Scene& scene, const Segment& segment, StreamOffset before);
  void note_answer(const Scene& scene, CaptureTime now);
  void close_missed(const Scene& scene, CaptureTime now, bool at_once);
  void learn_sacks(const Scene& scene, const Segment& segment, StreamOffset ack);
  void note_tsval(const Segment& segment) {
    const bool newest = has_newest_tsval_ == 0 || serial_distance(newest_tsval_, segment.tsval) > 0;
    if (!segment.has(kHasTsval) || !newest) return;
    newest_tsval_ = segment.tsval;
    if (has_newest_tsval_ == 0) has_newest_tsval_ = 1;
  }
  void begin_probe(const Segment& segment);
  void sample_rtt(const Scene& scene, const Segment& segment);
  [[nodiscard]] const CaptureTime* answered_probe(const Scene& scene, const Segment& segment) const;
  [[nodiscard]] bool is_probe_echo(const Segment& segment) const;
  [[nodiscard]] StreamOffset probe_end() const { return probe_end_.unwrap(next_); }
  Trouble* open_trouble(const Scene& scene);
  void clear_trouble(const Scene& scene);
  void drop_trouble_if_over(const Scene& scene);

  StreamOffset base_;   // where it was first seen: at its initial sequence number if its SYN was
  StreamOffset next_;   // beyond the highest byte seen
  StreamOffset acked_;  // the receiver's cumulative acknowledgment; 0 until one was seen
  CaptureTime last_packet_;
  CaptureTime probe_sent_;  // the segment whose round trip is being measured
  SeqNum probe_end_;        // of that segment
  uint32_t probe_tsval_ = 0;
  uint32_t newest_tsval_ = 0;
  LogPosition log_;
  uint32_t trouble_ = kNone;
  SegmentSize size_;
  RttLeg rtt_;
  uint16_t window_ = 0;  // the receiver's, as on the wire
  IpIdCensus census_;
  uint8_t duplicate_acks_ : 2 = 0;  // in a row, up to 3
  uint8_t seen_ : 1 = 0;
  uint8_t started_ : 1 = 0;
  uint8_t syn_seen_ : 1 = 0;
  uint8_t syn_ack_seen_ : 1 = 0;
  uint8_t window_known_ : 1 = 0;
  uint8_t byte_probed_ : 1 = 0;     // a window probe carried the byte at next_
  uint8_t probing_ : 1 = 0;         // a round trip is being measured
  uint8_t probe_repeated_ : 1 = 0;  // something was sent again since (Karn)
  uint8_t probe_tsval_is_new_ : 1 = 0;
  uint8_t has_newest_tsval_ : 1 = 0;
  uint8_t sacks_ : 1 = 0;   // it was seen to send SACKs, or to permit them
  uint8_t copied_ : 1 = 0;  // the network was seen to copy its packets
  uint8_t last_was_syn_ : 1 = 0;
  uint8_t echo_seen_ : 1 = 0;  // the receiver was seen to echo a timestamp
};

}  // namespace lossgazer
