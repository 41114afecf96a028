#include "metrics/peer_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

PeerKey peer(std::string_view address) {
  return {PeerKey::Kind::kAddress, *IpAddress::parse(address), {}};
}

// A peer that counted `packets` each way, each with a payload of 1000 bytes, and lost some of what
// we sent it.
PeerRow counted(const PeerKey& key, uint64_t packets, uint64_t lost = 0) {
  LossCounters counters;
  counters.packets = packets;
  counters.data_segments = packets;
  counters.payload_bytes = 1000 * packets;
  counters.rtt_count = packets;
  counters.rtt_sum = milliseconds(10) * packets;
  PeerRow row{key, {counters, counters}};
  row.counters[0].lost(Side::kAfter, LossMethod::kSequence) = lost;
  return row;
}

class PeerHistoryTest : public testing::Test {
 protected:
  // Steps of 10 seconds, six of them kept, of which those of the last 30 seconds are recent.
  PeerHistory history_{{.step = seconds(10), .steps = 6, .recent = seconds(30), .peers_max = 3}};
  PeerHistory::Clock::time_point now_{minutes(100)};
  const PeerKey a_ = peer("192.0.2.1");
  const PeerKey b_ = peer("192.0.2.2");

  // A step later, `rows` are what was counted.
  void step(std::vector<PeerRow> rows, CaptureHealth health = {}) {
    now_ += seconds(10);
    record(std::move(rows), std::move(health));
  }
  void record(std::vector<PeerRow> rows, CaptureHealth health = {}) {
    Snapshot snapshot;
    snapshot.peers = std::move(rows);
    snapshot.health = std::move(health);
    history_.record(snapshot, now_);
  }
  [[nodiscard]] std::vector<uint32_t> packets(const PeerKey& key) const {
    std::vector<uint32_t> result;
    const auto samples = history_.samples(key, Direction::kEgress);
    for (const HistorySample& sample : samples.value()) result.push_back(sample.packets);
    return result;
  }
  [[nodiscard]] uint64_t recent_packets(const PeerRow& row) const {
    return history_.recent(row, Direction::kEgress, now_).value().packets;
  }
};

TEST_F(PeerHistoryTest, KeepsWhatWasCountedInEachStep) {
  record({});
  step({counted(a_, 5)});
  step({counted(a_, 12, 2)});
  step({counted(a_, 12, 2)});
  EXPECT_THAT(packets(a_), ElementsAre(5, 7, 0));
  const HistorySample second = history_.samples(a_, Direction::kEgress).value()[1];
  EXPECT_EQ(second.lost_packets[1][1], 2u);
  EXPECT_EQ(second.payload_bytes, 7000u);
  EXPECT_EQ(second.rtt_count, 7u);
  EXPECT_FLOAT_EQ(second.rtt_seconds, 0.01F);
  EXPECT_EQ(history_.samples(a_, Direction::kIngress).value()[1].lost_packets[1][1], 0u);
}

TEST_F(PeerHistoryTest, OnlyTheLatestStepsAreKept) {
  record({});
  for (uint64_t i = 1; i <= 10; ++i) step({counted(a_, i * (i + 1) / 2)});
  EXPECT_THAT(packets(a_), ElementsAre(5, 6, 7, 8, 9, 10));
  EXPECT_THAT(history_.steps(), SizeIs(6));
}

TEST_F(PeerHistoryTest, WhatWasCountedBeforeIsNoPartOfIt) {
  record({counted(a_, 1000)});
  step({counted(a_, 1003)});
  EXPECT_THAT(packets(a_), ElementsAre(3));
  EXPECT_EQ(recent_packets(counted(a_, 1004)), 4u);
}

TEST_F(PeerHistoryTest, RecordsOnlyWhenAStepIsOver) {
  record({});
  now_ += seconds(9);
  EXPECT_FALSE(history_.due(now_));
  record({counted(a_, 9)});
  EXPECT_THAT(history_.steps(), SizeIs(0));
  now_ += seconds(4);
  EXPECT_TRUE(history_.due(now_));
  record({counted(a_, 13)});
  EXPECT_THAT(packets(a_), ElementsAre(13));
  EXPECT_EQ(history_.steps().front().end - history_.steps().front().begin, seconds(13));
}

TEST_F(PeerHistoryTest, RecentIsTheLatestStepsAndWhatCameSince) {
  record({});
  for (uint64_t i = 1; i <= 5; ++i) step({counted(a_, i * 100, i)});
  now_ += seconds(4);
  const std::optional<LossCounters> recent =
      history_.recent(counted(a_, 507, 6), Direction::kEgress, now_);
  // Those that ended less than 30 s ago began 34 s ago.
  EXPECT_EQ(now_ - history_.recent_since(now_), seconds(34));
  EXPECT_EQ(recent.value().packets, 307u);
  EXPECT_EQ(recent.value().lost(Side::kAfter, LossMethod::kSequence), 4u);
  EXPECT_EQ(recent.value().rtt_count, 307u);
}

TEST_F(PeerHistoryTest, ANewPeerIsKnownAtOnce) {
  record({});
  now_ += seconds(3);
  EXPECT_EQ(recent_packets(counted(a_, 8)), 8u);
  EXPECT_EQ(history_.samples(a_, Direction::kEgress), std::nullopt);
}

TEST_F(PeerHistoryTest, ANewPeersEarlierStepsAreEmpty) {
  record({});
  step({counted(a_, 1)});
  step({counted(a_, 2), counted(b_, 9)});
  EXPECT_THAT(packets(b_), ElementsAre(0, 9));
}

TEST_F(PeerHistoryTest, CountersThatBeginAnewCountFromZero) {
  record({});
  step({counted(a_, 100, 7)});
  step({counted(a_, 4, 1)});
  EXPECT_THAT(packets(a_), ElementsAre(100, 4));
  EXPECT_EQ(recent_packets(counted(a_, 2)), 106u);
}

TEST_F(PeerHistoryTest, OneThatComesBackCountsFromZeroHoweverMuchItHas) {
  record({});
  step({counted(a_, 100)});
  step({});
  EXPECT_EQ(recent_packets(counted(a_, 150)), 250u);
  step({counted(a_, 150)});
  EXPECT_THAT(packets(a_), ElementsAre(100, 0, 150));
}

TEST_F(PeerHistoryTest, OneThatIsGoneIsForgottenWithItsLastSample) {
  record({});
  step({counted(a_, 100)});
  for (int i = 0; i < 5; ++i) step({});
  EXPECT_THAT(packets(a_), ElementsAre(100, 0, 0, 0, 0, 0));
  step({});
  EXPECT_EQ(history_.samples(a_, Direction::kEgress), std::nullopt);
}

TEST_F(PeerHistoryTest, BeyondTheLimitAPeerHasNoHistory) {
  const PeerKey c = peer("192.0.2.3");
  const PeerKey d = peer("192.0.2.4");
  record({});
  step({counted(a_, 1), counted(b_, 1), counted(c, 1), counted(d, 1)});
  EXPECT_EQ(history_.samples(d, Direction::kEgress), std::nullopt);
  EXPECT_EQ(history_.recent(counted(d, 9), Direction::kEgress, now_), std::nullopt);
}

TEST_F(PeerHistoryTest, TheQuietestGivesWayButNotAtOnce) {
  const PeerKey c = peer("192.0.2.3");
  const PeerKey d = peer("192.0.2.4");
  record({});
  step({counted(a_, 1), counted(b_, 1), counted(c, 1)});
  step({counted(a_, 1), counted(b_, 2), counted(c, 2), counted(d, 50)});
  step({counted(a_, 1), counted(b_, 3), counted(c, 3), counted(d, 60)});
  EXPECT_EQ(history_.samples(d, Direction::kEgress), std::nullopt);
  // `a` was quiet for 30 seconds. What `d` counted unobserved is not called recent.
  step({counted(a_, 1), counted(b_, 4), counted(c, 4), counted(d, 70)});
  step({counted(a_, 1), counted(b_, 5), counted(c, 5), counted(d, 71)});
  EXPECT_EQ(history_.samples(a_, Direction::kEgress), std::nullopt);
  EXPECT_THAT(packets(d), ElementsAre(0, 0, 0, 0, 1));
}

TEST_F(PeerHistoryTest, ManyPeersOfferedStayWithinTheLimit) {
  record({});
  for (uint32_t round = 0; round < 8; ++round) {
    std::vector<PeerRow> rows;
    for (uint32_t i = 0; i < 100; ++i) {
      rows.push_back(counted({PeerKey::Kind::kAddress, IpAddress::v4(0xc6336400 + i), {}},
                             (round + 1) * (i + 1)));
    }
    step(rows);
    size_t followed = 0;
    for (const PeerRow& row : rows) {
      if (history_.samples(row.key, Direction::kEgress)) ++followed;
    }
    EXPECT_EQ(followed, 3u);
  }
}

TEST_F(PeerHistoryTest, ACountBeyond32BitsStaysAtTheGreatest) {
  record({});
  step({counted(a_, uint64_t{1} << 40)});
  EXPECT_THAT(packets(a_), ElementsAre(0xffffffffU));
  EXPECT_EQ(history_.samples(a_, Direction::kEgress).value()[0].payload_bytes,
            1000 * (uint64_t{1} << 40));
}

TEST_F(PeerHistoryTest, SaysWhatTheCaptureDroppedLately) {
  const auto health = [](uint64_t packets, uint64_t dropped) {
    SourceHealth source;
    source.packets = packets;
    source.dropped[static_cast<size_t>(DropStage::kKernel)] = dropped;
    source.unparsed[static_cast<size_t>(DecodeStatus::kNotTcp)] = 7;
    CaptureHealth result;
    result.sources = {source};
    return result;
  };
  record({}, health(100, 50));
  step({}, health(200, 55));
  EXPECT_EQ(history_.recent(health(210, 57), now_).packets, 110u);
  EXPECT_EQ(history_.recent(health(210, 57), now_).dropped[1], 7u);
  EXPECT_EQ(history_.recent(health(210, 57), now_).unreadable, 0u);
  // The interface went away, and another came.
  step({}, health(10, 0));
  EXPECT_EQ(history_.recent(health(12, 0), now_).packets, 102u);
  for (int i = 0; i < 4; ++i) step({}, health(10, 0));
  EXPECT_EQ(history_.recent(health(10, 0), now_).dropped[1], 0u);
}

TEST_F(PeerHistoryTest, ASampleIsAsSmallAsItsCommentSays) { EXPECT_EQ(sizeof(HistorySample), 56u); }

}  // namespace
}  // namespace lossgazer
