// What one direction's track needs from around it while a packet is judged. Lives for one call.
#pragma once

#include <optional>

#include "analyzer/capture_gaps.h"
#include "analyzer/flow_clock.h"
#include "analyzer/loss_counters.h"
#include "analyzer/segment_log.h"
#include "analyzer/units.h"
#include "analyzer/verdict.h"

namespace lossgazer {

struct TrackPools;

// Tells the sink of a verdict, if anyone listens. A view; lives for one call.
class VerdictReporter {
 public:
  VerdictReporter(const VerdictSink& sink, const FlowClock& clock, const FlowKey& key,
                  Sender sender, std::optional<Direction> direction)
      : sink_(sink), clock_(clock), key_(key), sender_(sender), direction_(direction) {}

  // `begin` and `copy`: the packet that is judged. `revises`: what was said of it before.
  void operator()(VerdictKind kind, Evidence evidence, StreamOffset begin, const CopyEvidence& copy,
                  std::optional<Side> side = {}, std::optional<VerdictKind> revises = {}) const {
    if (!sink_) return;
    sink_({.kind = kind,
           .evidence = evidence,
           .side = side,
           .revises = revises,
           .key = key_,
           .sender = sender_,
           .direction = direction_,
           .source = static_cast<uint16_t>(copy.source),
           .frame = copy.frame,
           .time = clock_.stamp_of(copy.time, copy.clock()),
           .seq = SeqNum(begin),
           .payload_length = copy.payload_length});
  }

 private:
  const VerdictSink& sink_;
  const FlowClock& clock_;
  const FlowKey& key_;
  Sender sender_;
  std::optional<Direction> direction_;
};

struct Scene {
  TrackPools& pools;
  LossCounters& counters;  // of this direction
  const VerdictReporter& report;
  const CaptureGaps& gaps;  // of the source that this direction is captured by
  const RttBuckets& rtt_buckets;
  CaptureTime clock_set = CaptureTime::min();  // the last time that it was: see FlowClock
  Duration path_rtt{};                         // of both legs together; 0 if unknown
  Duration least_path_rtt{};           // the least of both legs together; 0 if one is unknown
  Duration least_sender_rtt{};         // the least between here and the sender; 0 if unknown
  std::optional<CaptureTime> heard{};  // when the receiver last sent anything
  bool heard_syn = false;              // and that was a SYN
  // Packets that the sender had received and not acknowledged, in what was seen so far; and up to
  // where it had.
  uint32_t owed_acks = 0;
  std::optional<SeqNum> last_ack{};
  bool without_sacks = false;  // neither end sends SACKs, nor says what came twice
  bool connected = false;      // of a flow that is a connection: see Flow
  bool census_holds = false;   // of this direction: see IpIdMode
};

}  // namespace lossgazer
