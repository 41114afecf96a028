// Header prediction held to the long way: two shards are told the same story, one of them so that
// it predicts nothing, and must say and count the same.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/shard.h"
#include "analyzer/verdict.h"

namespace lossgazer::test {

// As the shard that predicts, but that a call throws std::logic_error once the other does not
// agree. Not thread-safe.
class PredictionTwin {
 public:
  explicit PredictionTwin(const ShardConfig& config, VerdictSink sink = {})
      : short_way_(config,
                   [this, sink = std::move(sink)](const Verdict& verdict) {
                     short_verdicts_.push_back(verdict);
                     if (sink) sink(verdict);
                   }),
        long_way_(config, [this](const Verdict& verdict) { long_verdicts_.push_back(verdict); }) {}
  PredictionTwin(const PredictionTwin&) = delete;
  PredictionTwin& operator=(const PredictionTwin&) = delete;

  void judge(const Segment& segment) {
    short_way_.judge({&segment, 1});
    // One that the network marked (RFC 3168) is never predicted, and nothing else comes of a mark
    // than that it is counted.
    Segment marked = segment;
    marked.bits = static_cast<uint16_t>(marked.bits | kCongestionExperienced);
    long_way_.judge({&marked, 1});
    compare_verdicts();
  }
  void tick(CaptureTime now) {
    short_way_.tick(now);
    long_way_.tick(now);
    compare_verdicts();
  }
  void finish() {
    short_way_.finish();
    long_way_.finish();
    compare_verdicts();
  }
  void set_capture_gaps(const std::vector<CaptureGaps>& by_source) {
    short_way_.set_capture_gaps(by_source);
    long_way_.set_capture_gaps(by_source);
  }
  [[nodiscard]] ShardDelta drain() {
    ShardDelta delta = short_way_.drain();
    const ShardDelta other = long_way_.drain();
    require(unmarked(delta.peers) == unmarked(other.peers), "peers");
    require(delta.outcomes == other.outcomes, "outcomes");
    require(delta.flows_expired == other.flows_expired && delta.flows == other.flows, "flows");
    require(delta.refusals == other.refusals, "refusals");
    return delta;
  }

 private:
  static void require(bool same, const char* what) {
    if (!same) throw std::logic_error(std::string("header prediction changes ") + what);
  }
  static std::vector<PeerRow> unmarked(std::vector<PeerRow> rows) {
    for (PeerRow& row : rows) {
      for (LossCounters& counters : row.counters) counters.ecn_ce_packets = 0;
    }
    return rows;
  }
  void compare_verdicts() {
    require(short_verdicts_ == long_verdicts_, "verdicts");
    short_verdicts_.clear();
    long_verdicts_.clear();
  }

  std::vector<Verdict> short_verdicts_;
  std::vector<Verdict> long_verdicts_;
  Shard short_way_;
  Shard long_way_;
};

}  // namespace lossgazer::test
