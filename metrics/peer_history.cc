#include "metrics/peer_history.h"

#include <algorithm>
#include <limits>

namespace lossgazer {
namespace {

using Seconds = std::chrono::duration<double>;

struct Field {
  uint64_t LossCounters::*total;
  uint32_t HistorySample::*count;
};
constexpr std::array kFields = {
    Field{&LossCounters::packets, &HistorySample::packets},
    Field{&LossCounters::data_segments, &HistorySample::data_segments},
    Field{&LossCounters::census_packets, &HistorySample::census_packets},
    Field{&LossCounters::retransmitted_segments, &HistorySample::retransmitted_segments},
    Field{&LossCounters::reordered_segments, &HistorySample::reordered_segments},
    Field{&LossCounters::unanswered_segments, &HistorySample::unanswered_segments},
    Field{&LossCounters::rtt_count, &HistorySample::rtt_count},
};

uint32_t narrow(uint64_t count) {
  return static_cast<uint32_t>(std::min<uint64_t>(count, std::numeric_limits<uint32_t>::max()));
}

// Whether `now` can have grown from `before`. Counters never go down while a peer stays.
bool grew(const LossCounters& now, const LossCounters& before) {
  if (now.payload_bytes < before.payload_bytes || now.rtt_sum < before.rtt_sum) return false;
  for (size_t side = 0; side < 2; ++side) {
    for (size_t method = 0; method < 2; ++method) {
      if (now.lost_packets[side][method] < before.lost_packets[side][method]) return false;
    }
  }
  return std::ranges::all_of(
      kFields, [&](const Field& field) { return now.*field.total >= before.*field.total; });
}

// What was counted since `before`, of what a sample has; all of it, if the peer began anew.
LossCounters difference(const LossCounters& now, const LossCounters& before) {
  const LossCounters from = grew(now, before) ? before : LossCounters{};
  LossCounters result;
  result.payload_bytes = now.payload_bytes - from.payload_bytes;
  result.rtt_sum = now.rtt_sum - from.rtt_sum;
  for (size_t side = 0; side < 2; ++side) {
    for (size_t method = 0; method < 2; ++method) {
      result.lost_packets[side][method] =
          now.lost_packets[side][method] - from.lost_packets[side][method];
    }
  }
  for (const Field& field : kFields) {
    result.*field.total = now.*field.total - from.*field.total;
  }
  return result;
}

HistorySample to_sample(const LossCounters& counted) {
  HistorySample sample;
  sample.payload_bytes = counted.payload_bytes;
  for (size_t side = 0; side < 2; ++side) {
    for (size_t method = 0; method < 2; ++method) {
      sample.lost_packets[side][method] = narrow(counted.lost_packets[side][method]);
    }
  }
  for (const Field& field : kFields) sample.*field.count = narrow(counted.*field.total);
  if (counted.rtt_count > 0) {
    sample.rtt_seconds = static_cast<float>(Seconds(counted.rtt_sum).count() /
                                            static_cast<double>(counted.rtt_count));
  }
  return sample;
}

CaptureCounts totals(const CaptureHealth& health) {
  CaptureCounts sum;
  for (const SourceHealth& source : health.sources) {
    sum.packets += source.packets;
    for (size_t i = 0; i < sum.dropped.size(); ++i) sum.dropped[i] += source.dropped[i];
    sum.unreadable += source.unparsed[static_cast<size_t>(DecodeStatus::kTruncated)] +
                      source.unparsed[static_cast<size_t>(DecodeStatus::kMalformed)];
  }
  return sum;
}

// An interface that is gone takes its totals along: they may go down, which counts as nothing.
uint64_t risen(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

CaptureCounts difference(const CaptureCounts& now, const CaptureCounts& before) {
  CaptureCounts result;
  result.packets = risen(now.packets, before.packets);
  for (size_t i = 0; i < result.dropped.size(); ++i) {
    result.dropped[i] = risen(now.dropped[i], before.dropped[i]);
  }
  result.unreadable = risen(now.unreadable, before.unreadable);
  return result;
}

}  // namespace

LossCounters to_counters(const HistorySample& sample) {
  LossCounters counters;
  counters.payload_bytes = sample.payload_bytes;
  for (size_t side = 0; side < 2; ++side) {
    for (size_t method = 0; method < 2; ++method) {
      counters.lost_packets[side][method] = sample.lost_packets[side][method];
    }
  }
  for (const Field& field : kFields) counters.*field.total = sample.*field.count;
  counters.rtt_sum = std::chrono::duration_cast<Duration>(Seconds(sample.rtt_seconds)) *
                     static_cast<int64_t>(sample.rtt_count);
  return counters;
}

void PeerHistory::record(const Snapshot& snapshot, Clock::time_point now) {
  if (!due(now)) return;
  const bool first = !totals_at_;
  for (auto& [key, peer] : peers_) {
    peer.ring[slot(step_)] = {};
    peer.present = false;
  }

  for (const PeerRow& row : snapshot.peers) {
    const bool is_new = !peers_.contains(row.key);
    Peer* const peer = is_new ? admit(row.key) : &peers_.at(row.key);
    if (!peer) continue;
    // Whatever a peer unknown until now has counted, it counted just now.
    if (is_new && (first || without_history_.contains(row.key))) peer->totals = row.counters;
    for (size_t direction = 0; direction < 2; ++direction) {
      const LossCounters counted = difference(row.counters[direction], peer->totals[direction]);
      if (counted != LossCounters{}) peer->last_active = step_;
      peer->ring[slot(step_)][direction] = to_sample(counted);
    }
    peer->totals = row.counters;
    peer->present = true;
  }
  without_history_.clear();
  for (const PeerRow& row : snapshot.peers) {
    if (!peers_.contains(row.key)) without_history_.insert(row.key);
  }
  std::erase_if(peers_, [this](const auto& entry) {
    return !entry.second.present && step_ - entry.second.last_active >= config_.steps;
  });
  // Who is gone begins anew when it comes back, however much it has counted by then.
  for (auto& [key, peer] : peers_) {
    if (!peer.present) peer.totals = {};
  }

  const CaptureCounts capture = totals(snapshot.health);
  if (!first) {
    steps_.push_back({*totals_at_, now, difference(capture, capture_totals_)});
    if (steps_.size() > config_.steps) steps_.pop_front();
    ++step_;
  }
  capture_totals_ = capture;
  totals_at_ = now;
  due_ = now + config_.step;
}

PeerHistory::Peer* PeerHistory::admit(const PeerKey& key) {
  if (peers_.size() >= config_.peers_max) {
    const auto quietest = std::ranges::min_element(
        peers_, {}, [](const auto& entry) { return entry.second.last_active; });
    const auto quiet_enough = static_cast<uint64_t>(config_.recent / config_.step);
    if (quietest == peers_.end() || step_ - quietest->second.last_active < quiet_enough) {
      return nullptr;
    }
    without_history_.insert(quietest->first);
    peers_.erase(quietest);
  }
  Peer& peer = peers_[key];
  peer.ring.resize(config_.steps);
  peer.last_active = step_;
  return &peer;
}

size_t PeerHistory::first_recent(Clock::time_point now) const {
  const auto first = std::ranges::find_if(
      steps_, [&](const Step& step) { return step.end > now - config_.recent; });
  return static_cast<size_t>(first - steps_.begin());
}

PeerHistory::Clock::time_point PeerHistory::recent_since(Clock::time_point now) const {
  const size_t first = first_recent(now);
  return first < steps_.size() ? steps_[first].begin : totals_at_.value_or(now);
}

std::optional<LossCounters> PeerHistory::recent(const PeerRow& row, Direction direction,
                                                Clock::time_point now) const {
  const auto way = static_cast<size_t>(direction);
  const auto found = peers_.find(row.key);
  if (found == peers_.end()) {
    if (!totals_at_ || without_history_.contains(row.key)) return std::nullopt;
    return difference(row.counters[way], {});  // met since the last step
  }
  const Peer& peer = found->second;
  LossCounters sum = difference(row.counters[way], peer.totals[way]);
  const uint64_t oldest = step_ - steps_.size();
  for (size_t i = first_recent(now); i < steps_.size(); ++i) {
    sum += to_counters(peer.ring[slot(oldest + i)][way]);
  }
  return sum;
}

CaptureCounts PeerHistory::recent(const CaptureHealth& health, Clock::time_point now) const {
  CaptureCounts sum = totals_at_ ? difference(totals(health), capture_totals_) : CaptureCounts{};
  for (size_t step = first_recent(now); step < steps_.size(); ++step) {
    const CaptureCounts& more = steps_[step].capture;
    sum.packets += more.packets;
    for (size_t i = 0; i < sum.dropped.size(); ++i) sum.dropped[i] += more.dropped[i];
    sum.unreadable += more.unreadable;
  }
  return sum;
}

std::optional<std::vector<HistorySample>> PeerHistory::samples(const PeerKey& key,
                                                               Direction direction) const {
  const auto found = peers_.find(key);
  if (found == peers_.end()) return std::nullopt;
  std::vector<HistorySample> result;
  result.reserve(steps_.size());
  for (uint64_t step = step_ - steps_.size(); step < step_; ++step) {
    result.push_back(found->second.ring[slot(step)][static_cast<size_t>(direction)]);
  }
  return result;
}

}  // namespace lossgazer
