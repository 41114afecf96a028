// Who has a row of its own when not everybody can, and that no packet is lost track of.

#include "analyzer/peer_ledger.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "analyzer/shard.h"

namespace lossgazer {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using namespace std::chrono_literals;

PeerKey peer(uint32_t number) { return {.address = IpAddress::v4(0x0a000000 + number)}; }

constexpr auto kOverflow = static_cast<size_t>(PeerExpiry::kOverflow);
constexpr auto kIdle = static_cast<size_t>(PeerExpiry::kIdle);

class PeerLedgerTest : public testing::Test {
 protected:
  // `seconds` pass. In each, every peer of `packets` sends that many packets, and `lost` more of it
  // are lost.
  void pass(int seconds, const std::map<uint32_t, uint64_t>& packets,
            const std::map<uint32_t, uint64_t>& lost = {}) {
    for (int second = 0; second < seconds; ++second) {
      std::vector<PeerRow> deltas;
      for (const auto& [number, count] : packets) {
        PeerRow& row = deltas.emplace_back(PeerRow{peer(number), {}});
        row.counters[0].packets = count;
        const auto of_it = lost.find(number);
        if (of_it != lost.end()) {
          row.counters[1].lost(Side::kBefore, LossMethod::kSequence) = of_it->second;
        }
        added_ += count;
      }
      ledger_.add(deltas, now_);
      now_ += 1s;
      ledger_.expire(now_);
      check();
    }
  }
  // What holds at any time.
  void check() {
    uint64_t sum = ledger_.departed()[0].packets + ledger_.departed()[1].packets;
    std::map<PeerKey, PeerRow> rows;
    for (const PeerRow& row : ledger_.rows()) {
      sum += row.counters[0].packets + row.counters[1].packets;
      const auto before = rows_before_.find(row.key);
      if (before != rows_before_.end() && before->second.life == row.life) {
        EXPECT_GE(row.counters[0].packets, before->second.counters[0].packets);
      }
      rows.emplace(row.key, row);
    }
    EXPECT_EQ(sum, added_);
    EXPECT_LE(ledger_.peers(), ledger_.peers_max());
    EXPECT_LE(ledger_.candidates(), ledger_.candidates_max());
    rows_before_ = std::move(rows);
  }
  [[nodiscard]] bool has_row(uint32_t number) const { return rows_before_.contains(peer(number)); }
  [[nodiscard]] uint64_t packets_of(const PeerKey& key) const {
    const auto row = rows_before_.find(key);
    return row == rows_before_.end() ? 0 : row->second.counters[0].packets;
  }

  PeerLedger ledger_{2, 15min};
  CaptureTime now_;
  uint64_t added_ = 0;
  std::map<PeerKey, PeerRow> rows_before_;
};

const PeerKey kOther{.kind = PeerKey::Kind::kOther};

TEST_F(PeerLedgerTest, OfThoseThatComeTogetherTheHeaviestGetTheRoom) {
  pass(1, {{1, 5}, {2, 50}, {3, 500}});
  EXPECT_FALSE(has_row(1));
  EXPECT_TRUE(has_row(2));
  EXPECT_TRUE(has_row(3));
  EXPECT_EQ(packets_of(kOther), 5u);
  EXPECT_EQ(ledger_.expired()[kOverflow], 1u);
}

TEST_F(PeerLedgerTest, AClearlyHeavierPeerTakesTheLightestRowAndCountsFromZero) {
  pass(20, {{1, 10}, {2, 100}});
  pass(4, {{1, 10}, {2, 100}, {3, 1000}});
  EXPECT_FALSE(has_row(3)) << "not at once";
  pass(3, {{1, 10}, {2, 100}, {3, 1000}});
  EXPECT_FALSE(has_row(1));
  EXPECT_TRUE(has_row(2));
  ASSERT_TRUE(has_row(3));
  EXPECT_LT(packets_of(peer(3)), 4000u) << "what it sent before is in other";
  EXPECT_GE(packets_of(kOther), 4000u);
  EXPECT_EQ(ledger_.departed()[0].packets, packets_of(peer(1)) + 20 * 10 + 5 * 10)
      << "and what the other had is in none";
  EXPECT_EQ(ledger_.expired()[kOverflow], 2u) << "one came to be counted as other, then another";
}

TEST_F(PeerLedgerTest, ALittleHeavierIsNotEnough) {
  pass(20, {{1, 100}, {2, 100}});
  pass(300, {{1, 100}, {2, 100}, {3, 190}});
  EXPECT_TRUE(has_row(1));
  EXPECT_TRUE(has_row(2));
}

TEST_F(PeerLedgerTest, LossWeighsMoreThanTraffic) {
  pass(20, {{1, 100}, {2, 100}});
  pass(60, {{1, 100}, {2, 100}, {3, 20}}, {{3, 4}});
  EXPECT_TRUE(has_row(3)) << "20 packets, of which a fifth is lost, outweigh 100";
}

TEST_F(PeerLedgerTest, AScanDisplacesNobodyHoweverLongTheyAreQuiet) {
  pass(20, {{1, 10}, {2, 10}});
  for (uint32_t number = 100; number < 700; ++number) pass(1, {{number, 2}});
  EXPECT_TRUE(has_row(1));
  EXPECT_TRUE(has_row(2));
}

// Two peers with a burst each in turn: their rows would come and go with every burst.
TEST_F(PeerLedgerTest, RowsDoNotChangeHandsWithEveryBurst) {
  pass(1, {{1, 1000}, {2, 100}});
  for (int round = 0; round < 60; ++round) {
    pass(10, {{1, 1000}, {2, 100}});
    pass(10, {{1, 1000}, {3, 100}});
  }
  EXPECT_LE(ledger_.expired()[kOverflow], 3u);
  EXPECT_TRUE(has_row(1));
}

TEST_F(PeerLedgerTest, AFloodOfHeavyStrangersChangesRowsOnlySoFast) {
  ledger_ = PeerLedger(100, 15min);
  std::map<uint32_t, uint64_t> ours;
  for (uint32_t number = 0; number < 100; ++number) ours[number] = 10;
  pass(20, ours);
  const auto latest_life = [&] {
    return std::ranges::max(ledger_.rows(), {}, &PeerRow::life).life;
  };
  const uint64_t before = latest_life();
  // Every 10 seconds a hundred new ones, each far heavier than any of ours.
  uint32_t stranger = 1000;
  for (int wave = 0; wave < 60; ++wave) {
    std::map<uint32_t, uint64_t> packets = ours;
    for (int i = 0; i < 100; ++i) packets[stranger++] = 5000;
    pass(10, packets);
  }
  const uint64_t changes = latest_life() - before - 1;  // but for other's
  EXPECT_LE(changes, 58u + 108u + 2u) << "those at once, and all in ten minutes";
  EXPECT_GE(changes, 58u);
}

TEST_F(PeerLedgerTest, DisplacedPeerThatComesBackLivesAnew) {
  pass(20, {{1, 10}, {2, 1000}});
  const uint64_t first_life = rows_before_.at(peer(1)).life;
  pass(30, {{2, 1000}, {3, 1000}});
  EXPECT_FALSE(has_row(1));
  pass(120, {{1, 3000}, {2, 1000}, {3, 100}});
  ASSERT_TRUE(has_row(1));
  EXPECT_NE(rows_before_.at(peer(1)).life, first_life);
  EXPECT_LT(packets_of(peer(1)), 120u * 3000);
}

TEST_F(PeerLedgerTest, ALowerLimitEndsTheLightestAtOnce) {
  ledger_ = PeerLedger(10, 15min);
  std::map<uint32_t, uint64_t> packets;
  for (uint32_t number = 1; number <= 10; ++number) packets[number] = number * 10;
  pass(3, packets);
  ledger_.set_limits(3, 1min, now_);
  check();
  EXPECT_EQ(ledger_.peers(), 3u);
  EXPECT_TRUE(has_row(8) && has_row(9) && has_row(10));
  EXPECT_EQ(ledger_.expired()[kOverflow], 7u);

  ledger_.set_limits(10, 1min, now_);
  pass(1, packets);
  EXPECT_EQ(ledger_.peers(), 10u) << "there is room again";
  EXPECT_EQ(packets_of(peer(1)), 10u);
  pass(62, {{10, 1}});
  EXPECT_EQ(ledger_.peers(), 1u) << "the new time to live";
  EXPECT_EQ(ledger_.expired()[kIdle], 9u);
}

TEST_F(PeerLedgerTest, TenThousandPeersOfferedToAThousandRows) {
  ledger_ = PeerLedger(1000, 15min);
  std::map<uint32_t, uint64_t> packets;
  for (uint32_t number = 0; number < 10'000; ++number) packets[number] = 1;
  pass(15, packets);
  EXPECT_EQ(ledger_.peers(), 1000u);
  // Now a few of them are heavy, in rows or not.
  for (uint32_t number = 0; number < 10'000; number += 50) packets[number] = 100;
  pass(10, packets);
  for (uint32_t number = 0; number < 10'000; number += 50) EXPECT_TRUE(has_row(number)) << number;
  EXPECT_EQ(ledger_.peers(), 1000u);
  EXPECT_THAT(ledger_.rows(), SizeIs(1001));
}

// A flow whose loss is still to be decided is looked at again and again.
TEST_F(PeerLedgerTest, OnlyPacketsKeepAPeer) {
  pass(1, {{1, 5}});
  ledger_.set_limits(2, 10s, now_);
  LossCounters lost;
  lost.lost(Side::kBefore, LossMethod::kSequence) = 1;
  for (int second = 0; second < 9; ++second) {
    ledger_.add(std::vector<PeerRow>{{peer(1), {}}}, now_);
    ledger_.add(std::vector<PeerRow>{{peer(1), {lost, {}}}}, now_);
    now_ += 1s;
    ledger_.expire(now_);
    EXPECT_EQ(ledger_.peers(), 1u);
  }
  now_ += 1s;
  ledger_.expire(now_);
  EXPECT_EQ(ledger_.peers(), 0u);
  ledger_.add(std::vector<PeerRow>{{peer(1), {}}}, now_);
  EXPECT_EQ(ledger_.peers(), 0u) << "nothing is no reason to come back";
}

TEST_F(PeerLedgerTest, RowsAreInTheOrderOfTheirKeys) {
  LossCounters one;
  one.packets = 1;
  const std::array<LossCounters, 2> counted = {one, one};
  const PeerKey group{.kind = PeerKey::Kind::kGroup, .group = PeerName("a")};
  ledger_.add(std::vector<PeerRow>{{group, counted}, {peer(7), counted}, {peer(3), counted}}, now_);
  const auto rows = ledger_.rows();
  EXPECT_TRUE(std::ranges::is_sorted(rows, {}, &PeerRow::key));
  EXPECT_THAT(rows, SizeIs(3)) << "other is one of them";
}

// Random traffic of many peers through a shard, with its drains at odd moments, and limits and
// rules that change: what was judged is in a row, or was when the row ended.
TEST(PeerAccount, EveryPacketJudgedIsInARowOrDeparted) {
  std::mt19937 random(7);
  ShardConfig config;
  config.flows_max = 3000;
  config.peers_max = 600;  // so that it overflows, too
  config.local =
      std::make_shared<const NetworkSet>(std::vector{IpPrefix::parse("192.0.2.0/24").value()});
  Shard shard(std::move(config));
  PeerLedger ledger(100, 20s);
  uint64_t judged = 0;
  CaptureTime now;
  for (int step = 0; step < 2000; ++step) {
    now += std::chrono::milliseconds(random() % 100);
    std::vector<Segment> segments;
    for (int i = 0; i < 20; ++i) {
      // A few peers send the most.
      const auto number = static_cast<uint32_t>(random() % (random() % 2000 + 1));
      const Endpoint us{IpAddress::v4(0xc0000200 + number % 5),
                        static_cast<uint16_t>(40'000 + random() % 3)};
      const Endpoint them{IpAddress::v4(0x0a000000 + number), 443};
      Segment segment;
      segment.key = FlowKey::between(us, them, 0);
      segment.hash = hash_of({}, segment.key);
      segment.time = now;
      segment.seq = SeqNum(static_cast<uint32_t>(random()));
      segment.tcp_flags = random() % 30 == 0 ? kSyn : random() % 30 == 0 ? kSyn | kAck : kAck;
      segment.payload_length = static_cast<uint32_t>(random() % 1000);
      segment.tcp_header_length = 20;
      if (random() % 2 == 0) segment.bits = kFromHigh;
      segments.push_back(segment);
    }
    shard.judge(segments);
    if (random() % 4 == 0) shard.tick(now);
    if (random() % 500 == 0) {
      shard.set_peers(PeerPolicy({.excluded = {IpPrefix(IpAddress::v4(0x0a000000), 32)},
                                  .groups = {{IpPrefix(IpAddress::v4(0x0a000100), 24), "some"}},
                                  .prefix_v4 = static_cast<uint8_t>(24 + random() % 9),
                                  .label_local = random() % 2 == 0,
                                  .label_port = random() % 2 == 0}));
    }
    if (random() % 700 == 0) ledger.set_limits(random() % 150, 20s, now);
    if (random() % 3 != 0) continue;
    const ShardDelta delta = shard.drain();
    for (const SourceOutcome& outcome : delta.outcomes) judged += outcome.judged;
    ledger.add(delta.peers, now);
    ledger.expire(now);
    uint64_t packets = ledger.departed()[0].packets + ledger.departed()[1].packets;
    for (const PeerRow& row : ledger.rows()) {
      packets += row.counters[0].packets + row.counters[1].packets;
    }
    ASSERT_EQ(packets, judged) << "step " << step;
  }
  EXPECT_GT(judged, 20'000u);
  EXPECT_GT(ledger.expired()[kIdle], 0u);
  EXPECT_GT(ledger.expired()[kOverflow], 0u);
}

}  // namespace
}  // namespace lossgazer
