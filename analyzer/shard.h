// One worker's share of the flows, with all that judging them needs: the analyzer's front door.
// It never reads a clock, a file or the network: packets and tick() tell it the time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "analyzer/capture_gaps.h"
#include "analyzer/capture_health.h"
#include "analyzer/keyed_hash.h"
#include "analyzer/network_set.h"
#include "analyzer/peer_policy.h"
#include "analyzer/rtt_buckets.h"
#include "analyzer/segment.h"
#include "analyzer/snapshot.h"
#include "analyzer/verdict.h"

namespace lossgazer {

struct ShardConfig {
  size_t flows_max = 1'000'000;
  Duration flows_idle = std::chrono::minutes(2);
  // tick() is called several times a second, however few packets come. So time never passes in one
  // leap, and a stamp far ahead shows a clock that was set: see FlowClock.
  bool ticked = false;
  // Rows kept between two drains; what is beyond counts as `other`. Far more than are exported: who
  // is not seen here cannot be found to be heavy.
  size_t peers_max = 16'384;
  // Segments of all flows that are remembered, to be compared with repeats: a power of two.
  size_t log_segments = 1 << 17;
  HashKey secret;  // the one that hashed the segments
  PeerPolicy peers;
  RttBuckets rtt_buckets;  // none: no histogram
  // Which ends are us. Without one, every flow is counted for the pair of its ends.
  std::shared_ptr<const NetworkSet> local;
};

// Frames of one source by what became of them.
struct SourceOutcome {
  uint64_t judged = 0;
  std::array<uint64_t, kIgnoreReasonName.size()> ignored{};  // by IgnoreReason
  uint64_t flow_table_drops = 0;

  bool operator==(const SourceOutcome&) const = default;
};

// What happened since the last drain, and how full the tables are now.
struct ShardDelta {
  std::vector<PeerRow> peers;           // in no order; only rows that changed
  std::vector<SourceOutcome> outcomes;  // by Segment::source
  std::array<uint64_t, kFlowExpiryName.size()> flows_expired{};
  std::array<uint64_t, kTrackedName.size()> refusals{};  // by Tracked
  uint64_t flows = 0;                                    // tracked now
};

// Not thread-safe: one thread at a time may call anything here.
class Shard {
 public:
  explicit Shard(ShardConfig config, VerdictSink sink = {});
  ~Shard();
  Shard(Shard&&) noexcept;
  Shard& operator=(Shard&&) noexcept;

  // Judges packets in the order given, which is the order of their capture.
  void judge(std::span<const Segment> segments) noexcept;
  // Time passes without packets: settles what waits for it and forgets idle flows. `now` is in
  // capture time, and may go back as packets may. Bounded work: call it several times a second.
  void tick(CaptureTime now) noexcept;
  // No packet will follow: settles everything and forgets all flows.
  void finish() noexcept;

  // Whose address is ours changed. Flows already known keep their peer.
  void set_local(std::shared_ptr<const NetworkSet> local);
  // Who counts as one peer changed. Flows already known keep theirs.
  void set_peers(PeerPolicy peers);
  // How long a silent flow is kept changed, for flows already known too.
  void set_flows_idle(Duration idle);
  // What each source may have missed, by Segment::source, as far as that is known by now. Never
  // called: nothing was missed. Once called, nothing is known of a source that is not in the list.
  void set_capture_gaps(std::vector<CaptureGaps> by_source);
  // Takes what was counted since the last call.
  [[nodiscard]] ShardDelta drain();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lossgazer
