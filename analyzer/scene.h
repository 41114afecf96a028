// What one direction's track needs from around it while a packet is judged. A view; lives for one
// call. Most packets need next to nothing of it, so that it looks things up when it is asked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "analyzer/capture_gaps.h"
#include "analyzer/loss_counters.h"
#include "analyzer/rtt_buckets.h"
#include "analyzer/segment_log.h"
#include "analyzer/seq_num.h"
#include "analyzer/units.h"
#include "analyzer/verdict.h"

namespace lossgazer {

class Flow;
class FlowClock;
struct TrackPools;

// Where a flow's findings go. Lives for one call.
struct FlowScene {
  TrackPools& pools;
  std::array<LossCounters, 2>& counters;  // of the flow's peer, by Direction
  const VerdictSink& sink;
  const FlowClock& clock;
  const SourceGaps& gaps;
  const RttBuckets& rtt_buckets;
  uint32_t flow_number;  // names the flow among the shard's
};

class Scene {
 public:
  // Of what `sender` sent in `flow`; both must outlive it.
  Scene(const FlowScene& around, const Flow& flow, Sender sender);
  // The same, but nothing was heard of the receiver.
  [[nodiscard]] Scene unheard() const;

  TrackPools& pools;
  LossCounters& counters;  // of this direction

  // Tells the sink of a verdict, if anyone listens. `begin` and `copy`: the packet that is judged.
  // `revises`: what was said of it before.
  void report(VerdictKind kind, Evidence evidence, StreamOffset begin, const CopyEvidence& copy,
              std::optional<Side> side = {}, std::optional<VerdictKind> revises = {}) const;

  // Names this direction among all of the shard's, never kNone.
  [[nodiscard]] uint32_t owner() const;
  // Of the source that this direction is captured by.
  [[nodiscard]] const CaptureGaps& gaps() const;
  [[nodiscard]] const RttBuckets& rtt_buckets() const { return around_.rtt_buckets; }
  // The last time that it was set: see FlowClock.
  [[nodiscard]] CaptureTime clock_set() const;
  // Smoothed, of both legs together; 0 if unknown.
  [[nodiscard]] Duration path_rtt() const;
  // The least of both legs together; 0 if one is unknown.
  [[nodiscard]] Duration least_path_rtt() const;
  // The least between here and the sender; 0 if unknown.
  [[nodiscard]] Duration least_sender_rtt() const;
  // When the receiver last sent anything.
  [[nodiscard]] std::optional<CaptureTime> heard() const;
  // And that was a SYN; and it was sent again.
  [[nodiscard]] bool heard_syn() const;
  [[nodiscard]] bool heard_repeated_syn() const;
  // Packets that the sender had received and not acknowledged, in what was seen so far; and up to
  // where it had.
  [[nodiscard]] uint32_t owed_acks() const;
  [[nodiscard]] std::optional<SeqNum> last_ack() const;
  // Neither end sends SACKs, nor says what came twice.
  [[nodiscard]] bool without_sacks() const;
  // Of a flow that is a connection: see Flow.
  [[nodiscard]] bool connected() const;
  // Of this direction: see IpIdMode.
  [[nodiscard]] bool census_holds() const;

 private:
  const FlowScene& around_;
  const Flow& flow_;
  Sender sender_;
  bool unheard_ = false;
};

}  // namespace lossgazer
