// The bounded tables: at their limits, and that nothing is lost track of.

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <memory>
#include <random>

#include "analyzer/flow_table.h"
#include "analyzer/hash_index.h"
#include "analyzer/peer_ledger.h"
#include "analyzer/peer_table.h"
#include "analyzer/pool.h"
#include "analyzer/segment_log.h"
#include "analyzer/shard.h"

namespace lossgazer {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using namespace std::chrono_literals;

PeerKey peer(uint32_t number) { return {.address = IpAddress::v4(0xcb007100 + number)}; }

TEST(Pool, RefusesBeyondItsLimitAndCountsIt) {
  Pool<int> pool(2);
  const uint32_t first = pool.acquire();
  EXPECT_NE(first, kNone);
  EXPECT_NE(pool.acquire(), kNone);
  EXPECT_EQ(pool.acquire(), kNone);
  EXPECT_EQ(pool.refused(), 1u);
  pool.release(first);
  EXPECT_EQ(pool.acquire(), first);
  EXPECT_EQ(pool.used(), 2u);
}

TEST(Pool, EntriesComeBackFresh) {
  Pool<int> pool(1);
  pool[pool.acquire()] = 7;
  pool.release(1);
  EXPECT_EQ(pool[pool.acquire()], 0);
}

TEST(Pool, EntriesStayInTheirPlaceWhileItGrows) {
  struct Entry {
    std::array<uint64_t, 128> words{};
  };
  constexpr uint32_t kEntries = 5000;  // several times a step of its memory
  Pool<Entry> pool(kEntries);
  const uint32_t first = pool.acquire();
  const Entry* place = &pool[first];
  for (uint32_t i = 1; i < kEntries; ++i) {
    const uint32_t number = pool.acquire();
    EXPECT_EQ(pool[number].words[127], 0u);
    pool[number].words[127] = number;
  }
  EXPECT_EQ(&pool[first], place);
  EXPECT_EQ(pool[kEntries].words[127], kEntries);
  EXPECT_EQ(pool.acquire(), kNone);
}

// Against a map, with few distinct hashes, so that runs of collisions form, wrap and shrink.
TEST(HashIndex, AgreesWithAMapThroughCollisionsErasuresAndGrowth) {
  constexpr uint32_t kEntries = 3000;  // about half of which are in it: it grows twice
  HashIndex index;
  std::map<uint32_t, uint64_t> hash_of_entry;
  std::mt19937 random(1);
  for (int step = 0; step < 20'000; ++step) {
    const auto number = static_cast<uint32_t>(random() % kEntries + 1);
    if (const auto entry = hash_of_entry.find(number); entry != hash_of_entry.end()) {
      index.erase(entry->second, number);
      hash_of_entry.erase(entry);
    } else {
      const uint64_t hash = random() % 600 * 13 + (uint64_t{random() % 3} << 40);
      index.insert(hash, number);
      hash_of_entry[number] = hash;
    }
    if (step % 100 != 0) continue;
    for (uint32_t i = 1; i <= kEntries; ++i) {
      const auto entry = hash_of_entry.find(i);
      const uint64_t hash = entry == hash_of_entry.end() ? 13 : entry->second;
      const uint32_t found = index.find(hash, [&](uint32_t candidate) { return candidate == i; });
      ASSERT_EQ(found, entry == hash_of_entry.end() ? kNone : i);
    }
  }
}

TEST(SegmentLog, FindsByOffsetUntilOverwritten) {
  SegmentLog log(1024);
  LogPosition newest;
  LogPosition other;
  for (uint64_t i = 0; i < 500; ++i) {
    Segment segment;
    segment.frame = i;
    log.append(2, newest, StreamOffset(1000 + i * 10), StreamOffset(1010 + i * 10), segment);
    log.append(3, other, StreamOffset(5 + i), StreamOffset(6 + i), segment);
  }
  for (uint64_t i = 0; i < 500; ++i) {
    const SegmentRecord* record = log.find(2, newest, StreamOffset(1005 + i * 10));
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->copy.frame, i);
  }
  EXPECT_EQ(log.find(2, newest, StreamOffset(999)), nullptr);
  EXPECT_EQ(log.find(2, newest, StreamOffset(6000)), nullptr);
  EXPECT_EQ(log.find(4, newest, StreamOffset(1005)), nullptr) << "another direction's record";

  for (uint64_t i = 0; i < 100; ++i) {
    log.append(3, other, StreamOffset(600 + i), StreamOffset(601 + i), Segment());
  }
  EXPECT_EQ(log.find(2, newest, StreamOffset(1000)), nullptr);
  EXPECT_NE(log.find(2, newest, StreamOffset(5995)), nullptr);
}

TEST(SegmentLog, FindsWhatWasNewestAtATime) {
  SegmentLog log(1024);
  LogPosition newest;
  const auto at = [](int64_t ms) { return CaptureTime() + std::chrono::milliseconds(ms); };
  for (int64_t i = 0; i < 500; ++i) {
    Segment segment;
    segment.time = at(1000 + i * 10);
    const auto begin = StreamOffset(1000 + static_cast<uint64_t>(i));
    log.append(2, newest, begin, begin + 1, segment);
  }
  EXPECT_EQ(log.newest_until(2, newest, at(999)), nullptr);
  for (int64_t i = 0; i < 500; ++i) {
    for (const int64_t after : {0, 9}) {
      const SegmentRecord* record = log.newest_until(2, newest, at(1000 + i * 10 + after));
      ASSERT_NE(record, nullptr);
      EXPECT_EQ(record->copy.time, at(1000 + i * 10));
    }
  }
}

TEST(PeerTable, PeersWithoutRoomShareTheRowOfOther) {
  PeerTable table(2, {});
  const uint32_t first = table.hold(peer(1));
  const uint32_t second = table.hold(peer(2));
  const uint32_t third = table.hold(peer(3));
  const uint32_t fourth = table.hold(peer(4));
  EXPECT_NE(first, second);
  EXPECT_EQ(third, fourth);
  table.counters(third)[0].packets = 5;
  const std::vector<PeerRow> rows = table.drain();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].key.kind, PeerKey::Kind::kOther);
  EXPECT_EQ(rows[0].counters[0].packets, 5u);
}

TEST(PeerTable, RowsGoWhenNobodyHoldsThemAndTheirCountsAreHandedOver) {
  PeerTable table(1, {});
  const uint32_t row = table.hold(peer(1));
  table.counters(row)[1].packets = 3;
  table.release(row);
  EXPECT_THAT(table.drain(), SizeIs(1));
  EXPECT_EQ(table.drain().size(), 0u);
  const uint32_t next = table.hold(peer(2));
  table.counters(next)[0].packets = 1;
  EXPECT_EQ(table.drain()[0].key, peer(2)) << "the row was free again";
}

TEST(PeerLedger, AdmitsUntilFullThenCountsAsOther) {
  PeerLedger ledger(1, 1min);
  LossCounters one;
  one.packets = 1;
  const std::vector<PeerRow> deltas = {{peer(1), {one, one}}, {peer(2), {one, one}}};
  ledger.add(deltas, CaptureTime());
  ledger.add(deltas, CaptureTime());
  const std::vector<PeerRow> rows = ledger.rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].key, peer(1));
  EXPECT_EQ(rows[0].counters[0].packets, 2u);
  EXPECT_EQ(rows[1].key.kind, PeerKey::Kind::kOther);
  EXPECT_EQ(rows[1].counters[1].packets, 2u);
  EXPECT_EQ(ledger.peers(), 1u);
}

TEST(PeerLedger, IdlePeersEndAndTheirTotalsGoNowhere) {
  PeerLedger ledger(1, 1min);
  LossCounters one;
  one.packets = 1;
  ledger.add(std::vector<PeerRow>{{peer(1), {one, one}}}, CaptureTime());
  ledger.expire(CaptureTime(1min));
  EXPECT_EQ(ledger.peers(), 1u);
  ledger.expire(CaptureTime(61s));
  EXPECT_EQ(ledger.peers(), 0u);
  EXPECT_THAT(ledger.rows(), SizeIs(0));
  EXPECT_THAT(ledger.expired(), ElementsAre(1, 0));
  ledger.add(std::vector<PeerRow>{{peer(2), {one, one}}}, CaptureTime(62s));
  EXPECT_EQ(ledger.rows()[0].key, peer(2)) << "there is room again";
}

// A segment between two of a thousand hosts.
Segment segment_of(uint32_t number, CaptureTime time) {
  Segment segment;
  segment.key = FlowKey::between(
      {IpAddress::v4(0xc0000201), 80},
      {IpAddress::v4(0xc6336400 + number % 200), static_cast<uint16_t>(number)}, 0);
  segment.hash = hash_of({}, segment.key);
  segment.time = time;
  segment.tcp_flags = kAck;
  segment.payload_length = 100;
  segment.tcp_header_length = 20;
  return segment;
}

ShardConfig config_of(size_t flows_max) {
  ShardConfig config;
  config.flows_max = flows_max;
  return config;
}

TEST(Shard, FullTableEvictsTheLongestSilentFlowsAndCountsThem) {
  Shard shard(config_of(100));
  for (uint32_t i = 0; i < 1000; ++i) {
    const Segment segment = segment_of(i, CaptureTime(i * 1ms));
    shard.judge({&segment, 1});
  }
  const ShardDelta delta = shard.drain();
  EXPECT_EQ(delta.flows, 100u);
  EXPECT_EQ(delta.flows_expired[static_cast<size_t>(FlowExpiry::kEvicted)], 900u);
  EXPECT_EQ(delta.outcomes[0].judged, 1000u);
  EXPECT_EQ(delta.outcomes[0].flow_table_drops, 0u);
}

TEST(Shard, ActiveFlowSurvivesAFloodOfNewOnes) {
  Shard shard(config_of(100));
  for (uint32_t i = 1; i < 2000; ++i) {
    for (const uint32_t number : {0U, i}) {
      Segment segment = segment_of(number, CaptureTime(i * 1ms));
      if (number == 0) segment.seq = SeqNum(i * 100);
      shard.judge({&segment, 1});
    }
  }
  uint64_t unseen_or_late = 0;
  for (const PeerRow& row : shard.drain().peers) {
    for (const LossCounters& counters : row.counters) {
      unseen_or_late += counters.retransmitted_segments + counters.reordered_segments;
    }
  }
  EXPECT_EQ(unseen_or_late, 0u);
}

TEST(Shard, IdleFlowsEndByTicksAlone) {
  ShardConfig config;
  config.flows_idle = 1min;
  Shard shard(std::move(config));
  for (uint32_t i = 0; i < 5000; ++i) {
    const Segment segment = segment_of(i, CaptureTime());
    shard.judge({&segment, 1});
  }
  for (int i = 0; i < 200; ++i) shard.tick(CaptureTime(59s));
  EXPECT_EQ(shard.drain().flows, 5000u);
  for (int i = 0; i < 200; ++i) shard.tick(CaptureTime(61s));
  const ShardDelta delta = shard.drain();
  EXPECT_EQ(delta.flows, 0u);
  EXPECT_EQ(delta.flows_expired[static_cast<size_t>(FlowExpiry::kIdle)], 5000u);
}

TEST(Shard, FlowsWithoutAnEndOfOursAreCountedAsSuch) {
  ShardConfig config;
  config.local = std::make_shared<const NetworkSet>(std::vector{*IpPrefix::parse("10.0.0.0/8")});
  Shard shard(std::move(config));
  const Segment segment = segment_of(1, CaptureTime());
  shard.judge({&segment, 1});
  EXPECT_EQ(shard.drain().outcomes[0].ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)], 1u);

  shard.set_local(std::make_shared<const NetworkSet>(std::vector{*IpPrefix::parse("192.0.2.1")}));
  shard.judge({&segment, 1});
  const ShardDelta delta = shard.drain();
  EXPECT_EQ(delta.outcomes[0].judged, 1u);
  ASSERT_THAT(delta.peers, SizeIs(1));
  EXPECT_EQ(delta.peers[0].key.address.to_string(), "198.51.100.1");
}

TEST(Shard, ExcludedPeersAreIgnored) {
  ShardConfig config;
  config.local = std::make_shared<const NetworkSet>(std::vector{*IpPrefix::parse("192.0.2.1")});
  config.peers = PeerPolicy({.excluded = {*IpPrefix::parse("198.51.100.0/24")}});
  Shard shard(std::move(config));
  const Segment segment = segment_of(1, CaptureTime());
  shard.judge({&segment, 1});
  EXPECT_EQ(shard.drain().outcomes[0].ignored[static_cast<size_t>(IgnoreReason::kExcluded)], 1u);
}

// Both ends are ours: the peer is who was called, or the one with the lower port.
TEST(Shard, FlowBetweenTwoOfOursIsCountedOnceFromTheCaller) {
  ShardConfig config;
  config.local = std::make_shared<const NetworkSet>(
      std::vector{*IpPrefix::parse("192.0.2.0/24"), *IpPrefix::parse("198.51.100.0/24")});
  Shard shard(std::move(config));
  Segment syn = segment_of(1, CaptureTime());  // 192.0.2.1:80 calls 198.51.100.1:1
  syn.tcp_flags = kSyn;
  Segment midway = segment_of(1000, CaptureTime());  // to port 1000, met in its middle
  shard.judge({&syn, 1});
  EXPECT_EQ(shard.drain().peers[0].key.address.to_string(), "198.51.100.1");
  shard.judge({&midway, 1});
  EXPECT_EQ(shard.drain().peers[0].key.address.to_string(), "192.0.2.1");
}

}  // namespace
}  // namespace lossgazer
