#include "analyzer/shard.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "analyzer/flow_clock.h"
#include "analyzer/flow_table.h"
#include "analyzer/peer_table.h"
#include "analyzer/track_pools.h"

namespace lossgazer {
namespace {

// How long a closed flow waits for stragglers.
constexpr Duration kClosedLinger = std::chrono::seconds(10);
// What a tick looks at: all flows about once in a hundred ticks, and never too many at once.
constexpr size_t kRoundTicks = 100;
constexpr size_t kSweepMin = 1024;
constexpr uint32_t kTroublesPerTick = 8192;
// How far ahead of judging a segment its flow is brought into the cache, and then what that leads
// to.
constexpr size_t kFlowAhead = 6;
constexpr size_t kPeerAhead = 2;

}  // namespace

struct Shard::State {
  State(ShardConfig shard_config, VerdictSink verdict_sink)
      : config(std::move(shard_config)),
        sink(std::move(verdict_sink)),
        clock(config.ticked),
        pools(config.log_segments),
        flows(config.flows_max),
        peers(config.peers_max, config.secret) {}

  CaptureTime time_at(CaptureTime stamp);
  void judge(const Segment& segment);
  void judge_at(CaptureTime time, const Segment& segment);
  uint32_t begin_flow(const Segment& segment, SourceOutcome& outcome);
  void end_flow(uint32_t number, FlowExpiry reason);
  void meet_server(Flow& flow, const Segment& syn_ack);
  [[nodiscard]] FlowScene scene_of(const Flow& flow, uint32_t number) {
    return {pools, peers.counters(flow.row()), sink, clock, gaps, config.rtt_buckets, number};
  }
  [[nodiscard]] bool is_over(const Flow& flow, CaptureTime now) const {
    return now - flow.last_packet() >
           (flow.closed() ? std::min(kClosedLinger, config.flows_idle) : config.flows_idle);
  }
  void settle_troubles(CaptureTime now);

  ShardConfig config;
  VerdictSink sink;
  FlowClock clock;
  TrackPools pools;
  FlowTable flows;
  PeerTable peers;
  SourceGaps gaps;
  std::vector<SourceOutcome> outcomes;
  std::array<uint64_t, kFlowExpiryName.size()> flows_expired{};
  std::array<uint64_t, kTrackedName.size()> refusals_told{};  // up to the last drain
  uint32_t trouble_hand = 0;
};

// Every time that flows are told goes through here.
CaptureTime Shard::State::time_at(CaptureTime stamp) {
  const uint16_t before = clock.clock();
  const CaptureTime time = clock.at(stamp);
  if (clock.clock() != before) gaps.move(clock.ahead(), clock.stepped(), clock.newest());
  return time;
}

void Shard::State::judge_at(CaptureTime time, const Segment& segment) {
  if (time == segment.time && clock.clock() == 0) {
    judge(segment);
    return;
  }
  Segment moved = segment;
  moved.time = time;
  moved.bits = static_cast<uint16_t>(moved.bits | clock.clock() << kClockShift);
  judge(moved);
}

void Shard::State::judge(const Segment& segment) {
  if (segment.source >= outcomes.size()) outcomes.resize(segment.source + size_t{1});
  SourceOutcome& outcome = outcomes[segment.source];
  uint32_t number = flows.find(segment);
  Flow* known = number == kNone ? nullptr : &flows[number];
  if (known != nullptr && is_over(*known, segment.time)) {
    end_flow(number, known->closed() ? FlowExpiry::kClosed : FlowExpiry::kIdle);
    known = nullptr;
  }
  if (known == nullptr) {
    number = begin_flow(segment, outcome);
    if (number == kNone) return;
    known = &flows[number];
  }
  Flow& flow = *known;
  if (segment.flag(kSyn) && segment.flag(kAck)) meet_server(flow, segment);
  switch (flow.judge(scene_of(flow, number), segment)) {
    case Flow::Outcome::kPredicted:
      flows.note_heard(number);
      ++outcome.judged;
      return;
    case Flow::Outcome::kJudged:
      flows.note_packet(number);
      ++outcome.judged;
      return;
    case Flow::Outcome::kCopy:
      flows.note_packet(number);
      ++outcome.ignored[static_cast<size_t>(IgnoreReason::kCopy)];
      return;
  }
}

// Decides whose flow it is, once: which end is us and which the peer.
uint32_t Shard::State::begin_flow(const Segment& segment, SourceOutcome& outcome) {
  const FlowKey& key = segment.key;
  std::optional<PeerKey> peer;
  Sender first_sender = Sender::kLow;
  if (config.local) {
    const bool low_is_us = config.local->contains(key.low_address);
    const bool high_is_us = config.local->contains(key.high_address);
    if (!low_is_us && !high_is_us) {
      ++outcome.ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)];
      return kNone;
    }
    if (low_is_us && high_is_us) {
      // Both ends are ours: counted from the one that opened the connection, else the higher port.
      const bool syn = segment.flag(kSyn);
      const Sender opener = segment.flag(kAck) ? other(segment.sender()) : segment.sender();
      const Sender higher = key.low_port > key.high_port ? Sender::kLow : Sender::kHigh;
      first_sender = syn ? opener : higher;
    } else {
      first_sender = low_is_us ? Sender::kLow : Sender::kHigh;
    }
    peer = config.peers.peer_of(segment, first_sender, *config.local);
    if (!peer) {
      ++outcome.ignored[static_cast<size_t>(IgnoreReason::kExcluded)];
      return kNone;
    }
  } else {
    peer = config.peers.pair_of(segment);
  }
  if (flows.size() >= flows.flows_max()) {
    const uint32_t victim = flows.eviction_candidate(segment.time);
    if (victim == kNone) {
      ++outcome.flow_table_drops;
      return kNone;
    }
    end_flow(victim, FlowExpiry::kEvicted);
  }
  return flows.insert(segment, peers.hold(*peer), first_sender, config.local != nullptr);
}

// A port that only the handshake shows to be the server's.
void Shard::State::meet_server(Flow& flow, const Segment& syn_ack) {
  const auto known = config.peers.with_server(peers.key(flow.row()), syn_ack);
  if (known) flow.set_row(peers.move_to(flow.row(), *known));
}

void Shard::State::end_flow(uint32_t number, FlowExpiry reason) {
  Flow& flow = flows[number];
  flow.finish(scene_of(flow, number));
  peers.release(flow.row());
  flows.erase(number);
  ++flows_expired[static_cast<size_t>(reason)];
}

void Shard::State::settle_troubles(CaptureTime now) {
  const uint32_t places = pools.troubles.highest();
  for (uint32_t i = 0; i < std::min(places, kTroublesPerTick); ++i) {
    trouble_hand = trouble_hand % places + 1;
    const uint32_t owner = pools.troubles[trouble_hand].owner;
    if (owner == kNone) continue;
    const uint32_t number = Flow::number_of(owner);
    Flow& flow = flows[number];
    flow.settle(scene_of(flow, number), Flow::sender_of(owner), now);
  }
}

Shard::Shard(ShardConfig config, VerdictSink sink)
    : state_(std::make_unique<State>(std::move(config), std::move(sink))) {}
Shard::~Shard() = default;
Shard::Shard(Shard&&) noexcept = default;
Shard& Shard::operator=(Shard&&) noexcept = default;

void Shard::judge(std::span<const Segment> segments) noexcept {
  State& state = *state_;
  for (const Segment& segment : segments) state.flows.prefetch_index(segment);
  for (size_t i = 0; i < segments.size(); ++i) {
    if (i + kFlowAhead < segments.size()) state.flows.prefetch_flow(segments[i + kFlowAhead]);
    if (i + kPeerAhead < segments.size()) {
      const uint32_t row = state.flows.likely_row(segments[i + kPeerAhead]);
      if (row != kNone) state.peers.prefetch(row);
    }
    state.judge_at(state.time_at(segments[i].time), segments[i]);
  }
}

void Shard::tick(CaptureTime stamp) noexcept {
  State& state = *state_;
  const CaptureTime now = state.time_at(stamp);
  state.settle_troubles(now);
  const size_t places = state.flows.places();
  const size_t visits = std::min(places, std::max(kSweepMin, places / kRoundTicks));
  for (size_t i = 0; i < visits; ++i) {
    const uint32_t number = state.flows.next_place();
    if (number == kNone || !state.is_over(state.flows[number], now)) continue;
    state.end_flow(number, state.flows[number].closed() ? FlowExpiry::kClosed : FlowExpiry::kIdle);
  }
}

void Shard::finish() noexcept {
  State& state = *state_;
  for (size_t i = state.flows.places(); i > 0; --i) {
    const uint32_t number = state.flows.next_place();
    if (number == kNone) continue;
    state.end_flow(number, state.flows[number].closed() ? FlowExpiry::kClosed : FlowExpiry::kIdle);
  }
}

void Shard::set_local(std::shared_ptr<const NetworkSet> local) {
  state_->config.local = std::move(local);
}

void Shard::set_peers(PeerPolicy peers) { state_->config.peers = std::move(peers); }

void Shard::set_flows_idle(Duration idle) { state_->config.flows_idle = idle; }

void Shard::set_capture_gaps(std::vector<CaptureGaps> by_source) {
  const FlowClock& clock = state_->clock;
  state_->gaps.set(std::move(by_source));
  if (clock.stepped() != CaptureTime::min()) {
    state_->gaps.move(clock.ahead(), clock.stepped(), clock.newest());
  }
}

ShardDelta Shard::drain() {
  State& state = *state_;
  ShardDelta delta;
  delta.peers = state.peers.drain();
  delta.outcomes = std::exchange(state.outcomes, std::vector<SourceOutcome>(state.outcomes.size()));
  delta.flows_expired = std::exchange(state.flows_expired, {});
  delta.flows = state.flows.size();
  const std::array<uint64_t, kTrackedName.size()> refused = state.pools.refused();
  for (size_t i = 0; i < refused.size(); ++i) {
    delta.refusals[i] = refused[i] - std::exchange(state.refusals_told[i], refused[i]);
  }
  return delta;
}

}  // namespace lossgazer
