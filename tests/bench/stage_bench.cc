// What each stage of a packet's way costs, by Google Benchmark. One item is a packet, or for the
// last two a peer. `lookup` is the reference for `judge`: the same packets decoded and their flows
// looked up, and nothing more.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analyzer/decode.h"
#include "analyzer/flow_table.h"
#include "analyzer/peer_ledger.h"
#include "analyzer/shard.h"
#include "analyzer/shared_counters.h"
#include "capture/shard_queue.h"
#include "metrics/exposition.h"
#include "tests/bench/bulk_traffic.h"

namespace lossgazer::bench {
namespace {

constexpr HashKey kSecret{1, 2};
constexpr size_t kBatch = 64;
constexpr size_t kTimedPackets = 2'000'000;
constexpr size_t kTimedBatches = kTimedPackets / kBatch;
// So many of each flow come first, untimed: its handshake, and until its numbers are known.
constexpr size_t kPacketsToSettle = 6;

// Frames of bulk traffic, in memory. Reading them is part of what is timed.
class Frames {
 public:
  Frames(uint32_t flows, size_t count) : frames_(count) {
    BulkTraffic traffic({.flows = flows});
    for (Stored& stored : frames_) {
      const BulkPacket packet = traffic.next();
      stored.time = packet.time;
      stored.wire_length = packet.wire_length;
      std::ranges::copy(packet.bytes.first(stored.bytes.size()), stored.bytes.begin());
    }
  }
  [[nodiscard]] size_t size() const { return frames_.size(); }
  [[nodiscard]] Frame operator[](size_t i) const {
    const Stored& stored = frames_[i];
    return {.time = stored.time,
            .number = i + 1,
            .wire_length = stored.wire_length,
            .bytes = stored.bytes};
  }

 private:
  struct Stored {
    CaptureTime time;
    uint32_t wire_length = 0;
    std::array<std::byte, 64> bytes{};
  };
  std::vector<Stored> frames_;
};

// Of one number of flows at a time: a million take gigabytes.
const Frames& frames_of(uint32_t flows) {
  static uint32_t made_of = 0;
  static std::unique_ptr<Frames> made;
  if (made_of != flows) {
    made.reset();
    made = std::make_unique<Frames>(flows, flows * kPacketsToSettle + kTimedPackets);
    made_of = flows;
  }
  return *made;
}

class Batch {
 public:
  explicit Batch(const Frames& frames) : frames_(frames) {}

  std::span<const Segment> decode_from(size_t first) {
    for (size_t i = 0; i < kBatch; ++i) {
      segments_[i].link = 0;
      if (decode(frames_[first + i], LinkType::kEthernet, kSecret, segments_[i]) !=
          DecodeStatus::kOk) {
        std::abort();
      }
    }
    return segments_;
  }

 private:
  const Frames& frames_;
  std::array<Segment, kBatch> segments_;
};

void count_packets(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * int64_t{kBatch});
}

void time_decode(benchmark::State& state) {
  const Frames& frames = frames_of(static_cast<uint32_t>(state.range(0)));
  Batch batch(frames);
  size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(batch.decode_from(at));
    at += kBatch;
  }
  count_packets(state);
}

void time_hash(benchmark::State& state) {
  Batch batch(frames_of(1000));
  const std::span<const Segment> segments = batch.decode_from(0);
  for (auto _ : state) {
    for (const Segment& segment : segments) {
      benchmark::DoNotOptimize(hash_of(kSecret, segment.key));
    }
  }
  count_packets(state);
}

void time_shared_counters(benchmark::State& state) {
  const Frames& frames = frames_of(1000);
  std::vector<Segment> segments;
  Batch batch(frames);
  for (size_t at = 0; at < 100 * kBatch; at += kBatch) {
    const auto decoded = batch.decode_from(at);
    segments.insert(segments.end(), decoded.begin(), decoded.end());
  }
  SharedCounters counters(kSecret);
  size_t at = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kBatch; ++i) counters.mark(segments[at + i]);
    at = (at + kBatch) % segments.size();
  }
  count_packets(state);
}

void time_lookup(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const Frames& frames = frames_of(flows);
  FlowTable table(flows);
  Batch batch(frames);
  size_t at = 0;
  for (; at < flows * kPacketsToSettle / kBatch * kBatch; at += kBatch) {
    for (const Segment& segment : batch.decode_from(at)) {
      if (table.find(segment) == kNone) {
        static_cast<void>(table.insert(segment, 1, Sender::kLow, true));
      }
    }
  }
  for (auto _ : state) {
    for (const Segment& segment : batch.decode_from(at)) {
      benchmark::DoNotOptimize(table.find(segment));
    }
    at += kBatch;
  }
  count_packets(state);
}

void time_judge(benchmark::State& state) {
  const auto flows = static_cast<uint32_t>(state.range(0));
  const Frames& frames = frames_of(flows);
  ShardConfig config;
  config.flows_max = flows;
  config.secret = kSecret;
  config.local =
      std::make_shared<const NetworkSet>(NetworkSet({IpPrefix::parse("192.0.2.0/24").value()}));
  Shard shard(config);
  Batch batch(frames);
  size_t at = 0;
  for (; at < flows * kPacketsToSettle / kBatch * kBatch; at += kBatch) {
    shard.judge(batch.decode_from(at));
  }
  for (auto _ : state) {
    shard.judge(batch.decode_from(at));
    at += kBatch;
  }
  count_packets(state);
}

void time_queue(benchmark::State& state) {
  ShardQueue queue;
  ShardQueue::Producer producer(queue);
  const std::vector<Segment> batch(kBatch);
  std::vector<Segment> out(kBatch);
  for (auto _ : state) {
    if (!producer.try_push(batch)) std::abort();
    benchmark::DoNotOptimize(queue.pop(out, std::chrono::microseconds(0)));
  }
  count_packets(state);
}

// A shard that saw each of so many peers since the last time.
Shard shard_with_peers(uint32_t peers) {
  ShardConfig config;
  config.secret = kSecret;
  config.local =
      std::make_shared<const NetworkSet>(NetworkSet({IpPrefix::parse("192.0.2.0/24").value()}));
  Shard shard(config);
  BulkTraffic traffic({.flows = peers, .peers = peers});
  Segment segment;
  for (size_t i = 0; i < peers * kPacketsToSettle; ++i) {
    const BulkPacket packet = traffic.next();
    const Frame frame{.time = packet.time,
                      .number = i + 1,
                      .wire_length = packet.wire_length,
                      .bytes = packet.bytes};
    if (decode(frame, LinkType::kEthernet, kSecret, segment) != DecodeStatus::kOk) std::abort();
    shard.judge(std::span(&segment, 1));
  }
  return shard;
}

void time_snapshot(benchmark::State& state) {
  const auto peers = static_cast<uint32_t>(state.range(0));
  const ShardDelta delta = shard_with_peers(peers).drain();
  PeerLedger ledger(peers, Duration::max());
  for (auto _ : state) {
    ledger.add(delta.peers, CaptureTime());
    benchmark::DoNotOptimize(ledger.rows());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}

void time_render(benchmark::State& state) {
  const auto peers = static_cast<uint32_t>(state.range(0));
  PeerLedger ledger(peers, Duration::max());
  ledger.add(shard_with_peers(peers).drain().peers, CaptureTime());
  Snapshot snapshot;
  snapshot.peers = ledger.rows();
  size_t bytes = 0;
  for (auto _ : state) {
    const std::string text = report_exposition(snapshot, {});
    bytes = text.size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
  state.counters["bytes"] = static_cast<double>(bytes);
}

BENCHMARK(time_hash);
BENCHMARK(time_shared_counters);
BENCHMARK(time_queue);
BENCHMARK(time_decode)->Arg(1000)->Iterations(kTimedBatches);
BENCHMARK(time_lookup)->Arg(1000)->Iterations(kTimedBatches);
BENCHMARK(time_judge)->Arg(1000)->Iterations(kTimedBatches);
BENCHMARK(time_lookup)->Arg(1'000'000)->Iterations(kTimedBatches);
BENCHMARK(time_judge)->Arg(1'000'000)->Iterations(kTimedBatches);
BENCHMARK(time_snapshot)->Arg(1000);
BENCHMARK(time_render)->Arg(1000);

}  // namespace
}  // namespace lossgazer::bench

BENCHMARK_MAIN();
