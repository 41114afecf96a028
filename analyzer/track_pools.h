// Where the tracks of a shard keep what only troubled flows need.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "analyzer/capture_health.h"
#include "analyzer/hole_list.h"
#include "analyzer/id_gap_list.h"
#include "analyzer/pool.h"
#include "analyzer/range_list.h"
#include "analyzer/recent_acks.h"
#include "analyzer/repeat_list.h"
#include "analyzer/segment_log.h"
#include "analyzer/stray_run.h"

namespace lossgazer {

// One direction's open questions.
struct Trouble {
  HoleList holes;
  RepeatList repeats;
  StrayRun strays;   // where the stream may have gone to
  RangeList sacked;  // what the receiver SACKed beyond its ACK
  IdGapList id_gaps;
  StreamOffset announced;     // a packet without data was sent when all below had been: ...
  CopyEvidence announcement;  // ... this one, while not all of it was seen
  std::optional<CaptureTime> beyond_since;  // since when the ACK is beyond all that was seen
  StreamOffset discarded_end;  // up to here a closed window threw away what was sent before ...
  CaptureTime discarded_at;    // ... this
  uint32_t owner = kNone;      // SenderTrack's; kNone if this entry is not in use

  // Bytes are missing, or came again or late.
  [[nodiscard]] bool in_doubt() const { return !holes.empty() || !repeats.empty(); }
  [[nodiscard]] bool over() const {
    return holes.empty() && repeats.empty() && sacked.empty() && id_gaps.empty() && !beyond_since &&
           announced == StreamOffset() && discarded_end == StreamOffset() && strays.empty();
  }
};

// The last quarter of each pool is for flows that are connections: who forges packets of none
// cannot use that up. Not thread-safe.
struct TrackPools {
  explicit TrackPools(size_t log_segments) : log(log_segments) {}

  Pool<Trouble> troubles{1 << 16};
  Pool<Hole> holes{1 << 18};
  Pool<Repeat> repeats{1 << 18};
  Pool<Range> ranges{1 << 18};
  Pool<IdGap> id_gaps{1 << 18};
  SegmentLog log;
  RecentAcks recent_acks;

  // Nothing is left but what is for connections.
  [[nodiscard]] bool crowded() const {
    return troubles.crowded() || holes.crowded() || repeats.crowded() || ranges.crowded() ||
           id_gaps.crowded();
  }
  // How often each had no room, since the start, by Tracked.
  [[nodiscard]] std::array<uint64_t, kTrackedName.size()> refused() const {
    return {troubles.refused(), holes.refused(), repeats.refused(), ranges.refused(),
            id_gaps.refused()};
  }
};

}  // namespace lossgazer
