#include "analyzer/peer_policy.h"

#include <gmock/gmock.h>

#include <memory>
#include <stdexcept>

#include "analyzer/shard.h"

namespace lossgazer {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using testing::ThrowsMessage;

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }
IpPrefix network(std::string_view text) { return *IpPrefix::parse(text); }

// The first packet of a flow, sent from one end to the other.
Segment packet(const Endpoint& from, const Endpoint& to, uint8_t flags = kAck) {
  Segment segment;
  segment.key = FlowKey::between(from, to, 0);
  segment.hash = hash_of({}, segment.key);
  if (segment.key.end(Sender::kHigh) == from) segment.bits = kFromHigh;
  segment.tcp_flags = flags;
  segment.tcp_header_length = 20;
  return segment;
}

const Endpoint kUs{address("192.0.2.1"), 40000};

// The key of a flow that 192.0.2.1 has with `peer`.
PeerKey key_of(const PeerPolicy& policy, const Endpoint& peer, const NetworkSet& local = {}) {
  const Segment first = packet(kUs, peer);
  const Sender us = first.key.end(Sender::kLow) == kUs ? Sender::kLow : Sender::kHigh;
  return policy.peer_of(first, us, local).value();
}

TEST(PeerPolicy, WithoutRulesEveryAddressIsAPeer) {
  const PeerKey key = key_of(PeerPolicy(), {address("198.51.100.7"), 443});
  EXPECT_EQ(key, PeerKey{.address = address("198.51.100.7")});
}

TEST(PeerPolicy, PeerOfAnAddressAloneHasNoFurtherLabels) {
  const PeerPolicy policy({.excluded = {network("10.0.0.0/8")},
                           .groups = {{network("192.0.2.0/24"), "office"}},
                           .prefix_v4 = 24,
                           .label_local = true,
                           .label_port = true});
  EXPECT_EQ(policy.peer_of(address("10.1.2.3")), std::nullopt);
  EXPECT_EQ(policy.peer_of(address("192.0.2.9"))->group.view(), "office");
  EXPECT_EQ(policy.peer_of(address("198.51.100.7")), (PeerKey{.kind = PeerKey::Kind::kPrefix,
                                                              .address = address("198.51.100.0"),
                                                              .prefix_length = 24}));
}

TEST(PeerPolicy, TheLongestGroupThatHoldsThePeerCounts) {
  const PeerPolicy policy({.groups = {{network("10.0.0.0/8"), "cluster"},
                                      {network("10.1.0.0/16"), "storage"},
                                      {network("2001:db8::/32"), "cluster"},
                                      {network("10.1.2.3"), "vip"}}});
  const auto group_of = [&](std::string_view peer) {
    return std::string(key_of(policy, {address(peer), 443}).group.view());
  };
  EXPECT_EQ(group_of("10.2.0.1"), "cluster");
  EXPECT_EQ(group_of("10.1.0.1"), "storage");
  EXPECT_EQ(group_of("10.1.2.3"), "vip");
  EXPECT_EQ(key_of(policy, {address("10.2.0.1"), 443}),
            key_of(policy, {address("2001:db8::1"), 443}))
      << "networks that share a name are one peer";
  EXPECT_EQ(key_of(policy, {address("11.0.0.1"), 443}).kind, PeerKey::Kind::kAddress);
}

TEST(PeerPolicy, WhoIsInNoGroupCountsForThePrefix) {
  const PeerPolicy policy(
      {.groups = {{network("10.0.0.0/8"), "cluster"}}, .prefix_v4 = 24, .prefix_v6 = 48});
  const PeerKey v4 = key_of(policy, {address("198.51.100.7"), 443});
  EXPECT_EQ(v4.kind, PeerKey::Kind::kPrefix);
  EXPECT_EQ(v4.prefix(), network("198.51.100.0/24"));
  EXPECT_EQ(v4, key_of(policy, {address("198.51.100.200"), 80}));
  EXPECT_EQ(key_of(policy, {address("2001:db8:1:2::3"), 443}).prefix(), network("2001:db8:1::/48"));
  EXPECT_EQ(key_of(policy, {address("10.0.0.1"), 443}).kind, PeerKey::Kind::kGroup);
}

TEST(PeerPolicy, ExcludedPeersHaveNoKeyWhateverGroupHoldsThem) {
  const PeerPolicy policy(
      {.excluded = {network("10.1.0.0/16")}, .groups = {{network("10.1.1.0/24"), "lab"}}});
  const Segment first = packet(kUs, {address("10.1.1.1"), 443});
  EXPECT_EQ(policy.peer_of(first, Sender::kHigh, {}), std::nullopt);
}

TEST(PeerPolicy, LocalLabelIsTheLongestNetworkOfOursThatHoldsOurEnd) {
  const PeerPolicy policy({.label_local = true});
  const Endpoint peer{address("198.51.100.7"), 443};
  EXPECT_EQ(key_of(policy, peer, NetworkSet({network("192.0.2.1"), network("127.0.0.0/8")})).local,
            network("192.0.2.1"));
  EXPECT_EQ(
      key_of(policy, peer, NetworkSet({network("192.0.0.0/16"), network("192.0.2.0/24")})).local,
      network("192.0.2.0/24"));
}

TEST(PeerPolicy, PortLabelIsTheServers) {
  const PeerPolicy policy({.label_port = true});
  const auto port_of = [&](uint16_t from, uint16_t to, uint8_t flags) {
    const Segment first =
        packet({address("192.0.2.1"), from}, {address("198.51.100.7"), to}, flags);
    return policy.peer_of(first, Sender::kLow, {})->port;
  };
  EXPECT_EQ(port_of(40000, 443, kSyn), 443);
  EXPECT_EQ(port_of(443, 40000, kAck), 443) << "met in its middle";
  EXPECT_EQ(port_of(1023, 22, kAck), 22);
  EXPECT_EQ(port_of(22, 1023, kSyn), 1023) << "who was called, be its port the higher one";
  EXPECT_EQ(port_of(40000, 50000, kSyn), 0) << "asked, not answered";
  EXPECT_EQ(port_of(40000, 50000, kSyn | kAck), 40000);
  EXPECT_EQ(port_of(40000, 50000, kAck), 0);
}

TEST(PeerPolicy, RefusedNamesSayWhy) {
  EXPECT_THAT(group_name_refusal("other").value_or(""), HasSubstr("--peers.max"));
  EXPECT_TRUE(group_name_refusal("192.0.2.1"));
  EXPECT_TRUE(group_name_refusal("2001:db8::1"));
  EXPECT_TRUE(group_name_refusal("10.0.0.0/8"));
  EXPECT_TRUE(group_name_refusal(""));
  EXPECT_TRUE(group_name_refusal("a\nb"));
  EXPECT_TRUE(group_name_refusal(std::string(64, 'x')));
  EXPECT_FALSE(group_name_refusal(std::string(63, 'x')));
  EXPECT_FALSE(group_name_refusal("Lager Süd, \"alt\""));
  EXPECT_THAT(
      [] {
        PeerPolicy({.groups = {{network("10.0.0.0/8"), "other"}}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("peer group 10.0.0.0/8=other: ")));
  EXPECT_THAT(
      [] {
        PeerPolicy({.groups = {{network("10.0.0.0/8"), "a"}, {network("10.0.0.0/8"), "b"}}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("is in the group a already")));
  EXPECT_THAT([] { PeerPolicy({.prefix_v4 = 33}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("/33 is longer than an address")));
}

class ShardWithPeers : public testing::Test {
 protected:
  static ShardConfig config(const PeerRules& rules) {
    ShardConfig config;
    config.local = std::make_shared<const NetworkSet>(std::vector{network("192.0.2.1")});
    config.peers = PeerPolicy(rules);
    return config;
  }
  static void judge(Shard& shard, const Segment& segment) { shard.judge({&segment, 1}); }
};

TEST_F(ShardWithPeers, HighPortOfAServerIsKnownOnceItAnswers) {
  Shard shard(config({.label_port = true}));
  const Endpoint server{address("198.51.100.7"), 50000};
  judge(shard, packet(kUs, server, kSyn));
  judge(shard, packet(server, kUs, kSyn | kAck));
  judge(shard, packet(kUs, server));
  auto rows = shard.drain().peers;
  ASSERT_THAT(rows, SizeIs(2));
  std::ranges::sort(rows, {}, &PeerRow::key);
  EXPECT_EQ(rows[0].key.port, 0);
  EXPECT_EQ(rows[0].counters[0].packets, 1u) << "the SYN";
  EXPECT_EQ(rows[1].key.port, 50000);
  EXPECT_EQ(rows[1].counters[0].packets, 1u);
  EXPECT_EQ(rows[1].counters[1].packets, 1u);
}

TEST_F(ShardWithPeers, NewRulesAreForNewFlows) {
  Shard shard(config({}));
  judge(shard, packet(kUs, {address("10.0.0.1"), 443}));
  shard.set_peers(PeerPolicy({.groups = {{network("10.0.0.0/8"), "cluster"}}}));
  judge(shard, packet(kUs, {address("10.0.0.1"), 443}));
  judge(shard, packet(kUs, {address("10.0.0.1"), 444}));
  auto rows = shard.drain().peers;
  ASSERT_THAT(rows, SizeIs(2));
  std::ranges::sort(rows, {}, &PeerRow::key);
  EXPECT_EQ(rows[0].key.address, address("10.0.0.1"));
  EXPECT_EQ(rows[0].counters[0].packets, 2u);
  EXPECT_EQ(rows[1].key.group.view(), "cluster");
}

TEST_F(ShardWithPeers, WithoutRoomForThePortTheFlowKeepsItsRow) {
  ShardConfig small = config({.label_port = true});
  small.peers_max = 1;
  Shard shard(std::move(small));
  const Endpoint server{address("198.51.100.7"), 50000};
  judge(shard, packet(kUs, server, kSyn));
  judge(shard, packet(server, kUs, kSyn | kAck));
  const auto rows = shard.drain().peers;
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].key, PeerKey{.address = server.address});
  EXPECT_EQ(rows[0].counters[1].packets, 1u);
}

}  // namespace
}  // namespace lossgazer
