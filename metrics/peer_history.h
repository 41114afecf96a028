// The last minutes of every peer and direction, and of the capture: what charts and the word "now"
// are made of. It reads no clock, forgets by itself, and knows no format.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "analyzer/snapshot.h"

namespace lossgazer {

struct PeerHistoryConfig {
  std::chrono::steady_clock::duration step = std::chrono::seconds(10);
  size_t steps = 60;
  std::chrono::steady_clock::duration recent = std::chrono::minutes(1);
  size_t peers_max = 1'000;
};

// What one direction counted during one step. A count beyond 32 bits stays at the greatest.
struct HistorySample {
  uint64_t payload_bytes = 0;
  uint32_t packets = 0;
  uint32_t data_segments = 0;
  uint32_t census_packets = 0;
  std::array<std::array<uint32_t, 2>, 2> lost_packets{};  // by Side, by LossMethod
  uint32_t retransmitted_segments = 0;
  uint32_t reordered_segments = 0;
  uint32_t unanswered_segments = 0;
  uint32_t rtt_count = 0;
  float rtt_seconds = 0;  // the mean of rtt_count
};

// The same as counters; all others are 0.
[[nodiscard]] LossCounters to_counters(const HistorySample& sample);

// What the capture did meanwhile, over all sources.
struct CaptureCounts {
  uint64_t packets = 0;
  std::array<uint64_t, kDropStageName.size()> dropped{};  // by DropStage
  uint64_t unreadable = 0;                                // truncated or malformed
};

// It is told snapshots, one after the other, and keeps their differences: `steps` steps for each of
// `peers_max` peers, 56 bytes a direction and step. With the defaults that is 10 minutes, 6.7 kB a
// peer, and 7.2 MB in all, totals included.
//
// A peer that vanishes keeps its history until all of it is empty. One that comes back counts from
// zero, as does one whose counters went down. What was counted before the first snapshot is no part
// of the history. When it is full, a new peer takes the place of the one that was quiet for
// longest, if that is as long as `recent`; else it has no history until there is room.
//
// Not thread-safe.
class PeerHistory {
 public:
  using Clock = std::chrono::steady_clock;

  struct Step {
    Clock::time_point begin;
    Clock::time_point end;
    CaptureCounts capture;
  };

  explicit PeerHistory(PeerHistoryConfig config = {}) : config_(config) {}

  // Whether record() would record: the step is over. Always true at first.
  [[nodiscard]] bool due(Clock::time_point now) const { return !totals_at_ || now >= due_; }
  // Ends the step with `snapshot`, taken at `now`. Does nothing unless due.
  void record(const Snapshot& snapshot, Clock::time_point now);

  // The steps kept, oldest first. They adjoin each other; only the first may be missed.
  [[nodiscard]] const std::deque<Step>& steps() const { return steps_; }

  // Since when recent() counts, at `now`: all steps that ended within the time called recent, and
  // what came after them.
  [[nodiscard]] Clock::time_point recent_since(Clock::time_point now) const;
  // What `row`, of a snapshot taken at `now`, counted since then in that direction (what a
  // HistorySample has; all else is 0); nothing if the peer has no history.
  [[nodiscard]] std::optional<LossCounters> recent(const PeerRow& row, Direction direction,
                                                   Clock::time_point now) const;
  [[nodiscard]] CaptureCounts recent(const CaptureHealth& health, Clock::time_point now) const;
  // One for each step; nothing if the peer has no history. Before it was met, they are empty.
  [[nodiscard]] std::optional<std::vector<HistorySample>> samples(const PeerKey& key,
                                                                  Direction direction) const;

 private:
  struct Peer {
    std::array<LossCounters, 2> totals;
    std::vector<std::array<HistorySample, 2>> ring;  // by step number, modulo its size
    uint64_t last_active = 0;                        // number of the step
    bool present = false;                            // in the latest snapshot
  };
  // The place of a new peer; null if there is none.
  [[nodiscard]] Peer* admit(const PeerKey& key);
  [[nodiscard]] size_t slot(uint64_t step) const { return step % config_.steps; }
  [[nodiscard]] size_t first_recent(Clock::time_point now) const;  // index in steps_

  PeerHistoryConfig config_;
  std::optional<Clock::time_point> totals_at_;  // when the latest snapshot was recorded
  Clock::time_point due_{};
  uint64_t step_ = 0;  // number of the step that runs
  std::deque<Step> steps_;
  CaptureCounts capture_totals_;
  std::map<PeerKey, Peer> peers_;
  std::set<PeerKey> without_history_;  // of the latest snapshot, for want of room
};

}  // namespace lossgazer
