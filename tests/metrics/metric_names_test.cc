#include "metrics/metric_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

namespace lossgazer {
namespace {

using testing::ElementsAre;

// Every counter has a number of its own, so that none can stand in for another.
LossCounters distinct() {
  LossCounters c;
  c.packets = 1;
  c.data_segments = 2;
  c.payload_bytes = 3;
  c.lost(Side::kBefore, LossMethod::kCensus) = 10;
  c.lost(Side::kBefore, LossMethod::kSequence) = 200;
  c.lost(Side::kAfter, LossMethod::kCensus) = 3000;
  c.lost(Side::kAfter, LossMethod::kSequence) = 40000;
  c.unanswered_segments = 5;
  c.census_packets = 6;
  c.retransmitted_segments = 7;
  c.retransmitted_bytes = 8;
  c.spurious_retransmissions = 9;
  c.handshake_retransmissions = {11, 12};
  c.reordered_segments = 13;
  c.duplicate_packets = 14;
  c.duplicate_acks = 15;
  c.zero_windows = 16;
  c.resets = 17;
  c.ecn_ce_packets = 18;
  c.unseen_bytes = 19;
  c.connections = {20, 21, 22};
  c.rtt_count = 23;
  c.rtt_sum = std::chrono::seconds(24) + std::chrono::nanoseconds(1'000'025);
  return c;
}

std::vector<std::string> fields(PeerKey::Kind kind, Direction direction) {
  std::vector<std::string> result;
  for (const ReportField& field : report_fields(distinct(), kind, direction)) {
    result.push_back(field.key + (field.part.empty() ? "" : ".") + std::string(field.part) + "=" +
                     field.number);
  }
  return result;
}

TEST(KernelMetrics, EveryCounterHasOneNameOfItsOwn) {
  std::set<KernelCounter> counters;
  std::set<std::string_view> keys;
  for (const KernelMetric& metric : kernel_metrics()) {
    counters.insert(metric.counter);
    keys.insert(metric.key);
  }
  EXPECT_EQ(counters.size(), kKernelCounterName.size());
  EXPECT_EQ(keys.size(), kKernelCounterName.size());
}

TEST(ReportFields, IngressInTheContractsOrder) {
  EXPECT_THAT(
      fields(PeerKey::Kind::kAddress, Direction::kIngress),
      ElementsAre("packets=1", "data_segments=2", "payload_bytes=3", "lost_packets.peer=210",
                  "lost_packets.local=43000", "lost_packets_by_method.census=3010",
                  "lost_packets_by_method.sequence=40200", "unanswered_segments=5",
                  "census_packets=6", "retransmitted_segments=7", "retransmitted_bytes=8",
                  "spurious_retransmissions=9", "handshake_retransmissions.syn=11",
                  "handshake_retransmissions.syn_ack=12", "reordered_segments=13",
                  "duplicate_packets=14", "duplicate_acks=15", "zero_windows=16", "resets=17",
                  "ecn_ce_packets=18", "unseen_bytes=19", "connections.opened=20",
                  "connections.refused=21", "connections.timeout=22",
                  "rtt_seconds.sum=24.001000025", "rtt_seconds.count=23"));
}

TEST(ReportFields, PeerSideStandsFirstAlsoForEgress) {
  const auto egress = fields(PeerKey::Kind::kOther, Direction::kEgress);
  EXPECT_EQ(egress.at(3), "lost_packets.peer=43000");
  EXPECT_EQ(egress.at(4), "lost_packets.local=210");
  EXPECT_EQ(egress.at(5), "lost_packets_by_method.census=3010");
}

TEST(ReportFields, PairHasSidesOfTheCapturePoint) {
  for (Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const auto transit = fields(PeerKey::Kind::kPair, direction);
    EXPECT_EQ(transit.at(3), "lost_packets.before=210");
    EXPECT_EQ(transit.at(4), "lost_packets.after=43000");
  }
}

TEST(PeerLabels, PairNamesTheSenderFirst) {
  const PeerKey pair{PeerKey::Kind::kPair, *IpAddress::parse("192.0.2.1"),
                     *IpAddress::parse("2001:db8::2")};
  const auto forth = peer_labels(pair, Direction::kEgress);
  const auto back = peer_labels(pair, Direction::kIngress);
  ASSERT_EQ(forth.size(), 2U);
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(forth[0].name, "source");
  EXPECT_EQ(forth[0].value, "192.0.2.1");
  EXPECT_EQ(forth[1].name, "destination");
  EXPECT_EQ(forth[1].value, "2001:db8::2");
  EXPECT_EQ(back[0].value, "2001:db8::2");
  EXPECT_EQ(back[1].value, "192.0.2.1");
}

TEST(PeerCounters, HelpTextsNeedNoEscapes) {
  for (const PeerCounter& counter : peer_counters()) {
    EXPECT_FALSE(counter.help.empty()) << counter.key;
    EXPECT_EQ(counter.help.find_first_of("\\\n"), std::string_view::npos) << counter.key;
  }
}

std::vector<std::string> labels(const PeerKey& key) {
  std::vector<std::string> result;
  for (const PeerLabel& label : peer_labels(key, Direction::kEgress)) {
    result.push_back(std::string(label.name) + "=" + label.value);
  }
  return result;
}

TEST(MetricNames, APeerIsAnAddressAPrefixAGroupOrOther) {
  const IpAddress v4 = *IpAddress::parse("198.51.100.0");
  EXPECT_THAT(labels({.address = v4}), ElementsAre("peer=198.51.100.0"));
  EXPECT_THAT(labels({.kind = PeerKey::Kind::kPrefix, .address = v4, .prefix_length = 24}),
              ElementsAre("peer=198.51.100.0/24"));
  EXPECT_THAT(labels({.kind = PeerKey::Kind::kPrefix,
                      .address = *IpAddress::parse("2001:db8::"),
                      .prefix_length = 64}),
              ElementsAre("peer=2001:db8::/64"));
  EXPECT_THAT(labels({.kind = PeerKey::Kind::kGroup, .group = PeerName("storage")}),
              ElementsAre("peer=storage"));
  EXPECT_THAT(labels({.kind = PeerKey::Kind::kOther}), ElementsAre("peer=other"));
}

TEST(MetricNames, LabelsLocalAndPortStandWhereTheKeyHasThem) {
  EXPECT_THAT(labels({.address = *IpAddress::parse("198.51.100.7"),
                      .port = 443,
                      .local = IpPrefix::parse("192.0.2.0/24")}),
              ElementsAre("peer=198.51.100.7", "local=192.0.2.0/24", "port=443"));
}

TEST(MetricNames, CountersAreFoundByKeyOrName) {
  EXPECT_EQ(peer_counter_key("duplicate_acks"), "duplicate_acks");
  EXPECT_EQ(peer_counter_key("duplicate_acks_total"), "duplicate_acks");
  EXPECT_EQ(peer_counter_key("lossgazer_duplicate_acks_total"), "duplicate_acks");
  EXPECT_EQ(peer_counter_key("rtt_seconds"), "rtt_seconds");
  EXPECT_EQ(peer_counter_key("lossgazer_kernel_retransmits_total"), "kernel_retransmits");
  EXPECT_EQ(peer_counter_key("rtt_seconds_total"), std::nullopt);
  EXPECT_EQ(peer_counter_key("flows"), std::nullopt);
  EXPECT_EQ(peer_counter_key(""), std::nullopt);
}

}  // namespace
}  // namespace lossgazer
