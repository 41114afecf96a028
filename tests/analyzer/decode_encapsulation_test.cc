// decode() through tags, tunnels and IPv6 extension headers.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "analyzer/decode.h"
#include "tests/analyzer/decode_fixture.h"

namespace lossgazer {
namespace {

using test::decode;
using test::FrameBuilder;
using test::hex;

FrameBuilder v4_packet() { return FrameBuilder().ip_id(7).timestamps(1, 2).payload(10); }
FrameBuilder v6_packet() {
  return FrameBuilder()
      .from("2001:db8::1", 40000)
      .to("2001:db8::7", 443)
      .timestamps(1, 2)
      .payload(10);
}

uint32_t encapsulation_of(const FrameBuilder& builder, LinkType type = LinkType::kEthernet) {
  const auto [status, segment] = decode(builder, type);
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 10U);
  EXPECT_EQ(segment.tsecr, 2U);
  EXPECT_TRUE(segment.has(kOptionsComplete));
  return segment.key.encapsulation;
}

// 203.0.113.1.54321 > 203.0.113.2.4789: VXLAN, flags [I] (0x08), vni 42
// 192.0.2.1.40000 > 198.51.100.7.443: Flags [P.], seq 4294967000:4294967012, ack 1000, win 501,
//   options [nop,nop,TS val 305419896 ecr 2596069104], length 12
TEST(DecodeEncapsulation, TheInnerPacketOfAVxlanIsJudged) {
  const auto [status, segment] =
      decode(hex("020000000002 020000000001 0800"
                 "45000072 beef4000 40110387 cb007101 cb007102 d43112b5 005e0000 08000000 00002a00"
                 "020000000002 020000000001 0800"
                 "45000040 12344000 40063c48 c0000201 c6336407"
                 "9c4001bb fffffed8 000003e8 801801f5 9ef50000 0101080a 12345678 9abcdef0"
                 "61626364 65666768 696a6b6c"));
  ASSERT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.key.end(segment.sender()).address, IpAddress::v4(0xc0000201));
  EXPECT_EQ(segment.ip_id, 0x1234);
  EXPECT_EQ(segment.payload_length, 12U);
  EXPECT_NE(segment.key.encapsulation, 0U);
}

// The same to port 8472, which Linux took before VXLAN had a number.
TEST(DecodeEncapsulation, LinuxsOwnVxlanPortIsOneToo) {
  test::Bytes frame = FrameBuilder().vxlan(42).payload(12).build();
  constexpr size_t kDestinationPort = 14 + 20 + 2;
  frame[kDestinationPort] = std::byte{0x21};
  frame[kDestinationPort + 1] = std::byte{0x18};
  const auto [status, segment] = decode(frame);
  ASSERT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 12U);
  EXPECT_EQ(segment.key.encapsulation,
            decode(FrameBuilder().vxlan(42).payload(12)).segment.key.encapsulation);
}

// 203.0.113.1 > 203.0.113.2: GREv0, Flags [checksum present, key present, sequence# present],
//   sum 0xabcd, off 0x0, key=0x2a, seq 77, length 80:
//   IP 192.0.2.1.40000 > 198.51.100.7.443: Flags [P.], seq 4294967000:4294967012
TEST(DecodeEncapsulation, GreWithAllItsFields) {
  const auto [status, segment] =
      decode(hex("020000000002 020000000001 0800"
                 "45000064 beef4000 402f0377 cb007101 cb007102 b0000800 abcd0000 0000002a 0000004d"
                 "45000040 12344000 40063c48 c0000201 c6336407"
                 "9c4001bb fffffed8 000003e8 801801f5 9ef50000 0101080a 12345678 9abcdef0"
                 "61626364 65666768 696a6b6c"));
  ASSERT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.seq, SeqNum(4294967000));
  EXPECT_EQ(segment.payload_length, 12U);
}

TEST(DecodeEncapsulation, TunnelsWithoutNamesLeaveThePlainFlow) {
  for (const bool outer_v6 : {false, true}) {
    for (const FrameBuilder& packet : {v4_packet(), v6_packet()}) {
      EXPECT_EQ(encapsulation_of(FrameBuilder(packet).outer_v6(outer_v6).ip_in_ip()), 0U);
      EXPECT_EQ(encapsulation_of(FrameBuilder(packet).outer_v6(outer_v6).gre()), 0U);
      EXPECT_EQ(encapsulation_of(FrameBuilder(packet).outer_v6(outer_v6).gre_flags(0x9000, 0)), 0U);
    }
  }
  EXPECT_EQ(encapsulation_of(v4_packet().pppoe(3).mpls({16}).ip_in_ip()), 0U);
}

// Each of these is another flow, though the 5-tuple is the same.
TEST(DecodeEncapsulation, TagsAndKeysNameTheFlow) {
  const std::vector<FrameBuilder> builders = {
      v4_packet(),
      v4_packet().vlan(5),
      v4_packet().vlan(6),
      v4_packet().vlan(5).vlan(6),
      v4_packet().vlan(6).vlan(5),
      v4_packet().vlan(5).vlan(5),
      v4_packet().vxlan(5),
      v4_packet().vxlan(6),
      v4_packet().vxlan(0),
      v4_packet().vxlan(0xffffff),
      v4_packet().vlan(5).vxlan(5),
      v4_packet().vxlan(5).vlan(5),
      v4_packet().gre(5),
      v4_packet().gre(0),
      v4_packet().gre(0xffffffff),
      v4_packet().gre_ethernet(5).vlan(5),
  };
  std::set<uint32_t> seen;
  for (const FrameBuilder& builder : builders) seen.insert(encapsulation_of(builder));
  EXPECT_EQ(seen.size(), builders.size());
}

TEST(DecodeEncapsulation, TheSameNamesGiveTheSameFlow) {
  const uint32_t vlan = encapsulation_of(v4_packet().vlan(5));
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(5, 0x88a8)), vlan);
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(5, 0x9100)), vlan);
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(0xe005)), vlan);  // with a priority
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(0).vlan(5)), vlan);
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(5), LinkType::kLinuxCooked), vlan);
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(0xe000)), 0U);  // a priority alone
  EXPECT_EQ(encapsulation_of(v4_packet().geneve(5)), encapsulation_of(v4_packet().vxlan(5)));
  EXPECT_EQ(encapsulation_of(v4_packet().geneve(5, 63)), encapsulation_of(v4_packet().geneve(5)));
  EXPECT_EQ(encapsulation_of(v4_packet().geneve_ip(5)), encapsulation_of(v4_packet().geneve(5)));
  EXPECT_EQ(encapsulation_of(v4_packet().gre_ethernet(5)), encapsulation_of(v4_packet().gre(5)));
  EXPECT_EQ(encapsulation_of(v6_packet().outer_v6().vxlan(5)),
            encapsulation_of(v6_packet().vxlan(5)));
}

TEST(DecodeEncapsulation, WhereTheInterfaceIsKnownOuterVlanTagsDoNotNameTheFlow) {
  constexpr LinkType kType = LinkType::kLinuxCookedV2;
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(5), kType), 0U);
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(6, 0x88a8).vlan(5), kType), 0U);
  EXPECT_EQ(encapsulation_of(v4_packet().vlan(5).vxlan(7), kType),
            encapsulation_of(v4_packet().vxlan(7)));
  EXPECT_EQ(encapsulation_of(v4_packet().vxlan(7).vlan(5), kType),
            encapsulation_of(v4_packet().vxlan(7).vlan(5)));
}

TEST(DecodeEncapsulation, IpIdAndCongestionMarkAreTheInnermostHeaders) {
  const auto v6_in_v4 = decode(v6_packet().ip_in_ip());
  EXPECT_FALSE(v6_in_v4.segment.has(kHasIpId));
  EXPECT_EQ(v6_in_v4.segment.ip_id, 0);
  const auto v4_in_v6 = decode(v4_packet().outer_v6().ip_in_ip());
  EXPECT_TRUE(v4_in_v6.segment.has(kHasIpId));
  EXPECT_EQ(v4_in_v6.segment.ip_id, 7);
  EXPECT_TRUE(decode(v4_packet().traffic_class(3).vxlan(1)).segment.has(kCongestionExperienced));
}

TEST(DecodeEncapsulation, FourVlanTagsAreAllowed) {
  FrameBuilder builder = v4_packet();
  for (uint16_t vid = 1; vid <= 4; ++vid) builder.vlan(vid);
  EXPECT_EQ(decode(builder).status, DecodeStatus::kOk);
  EXPECT_EQ(decode(builder.vlan(5)).status, DecodeStatus::kMalformed);
}

TEST(DecodeEncapsulation, FourTunnelsAreAllowed) {
  using Wrap = std::function<void(FrameBuilder&)>;
  for (const Wrap& wrap :
       {Wrap([](FrameBuilder& b) { b.ip_in_ip(); }), Wrap([](FrameBuilder& b) { b.gre(1); }),
        Wrap([](FrameBuilder& b) { b.vxlan(1); }), Wrap([](FrameBuilder& b) { b.geneve_ip(1); })}) {
    FrameBuilder builder = v4_packet();
    for (int depth = 0; depth < 4; ++depth) wrap(builder);
    EXPECT_EQ(decode(builder).status, DecodeStatus::kOk);
    wrap(builder);
    EXPECT_EQ(decode(builder).status, DecodeStatus::kMalformed);
  }
}

TEST(DecodeEncapsulation, WhatATunnelCarriesBesideTcpIsCounted) {
  EXPECT_EQ(decode(FrameBuilder().protocol(1).payload(40).vxlan(5)).status, DecodeStatus::kNotTcp);
  EXPECT_EQ(decode(FrameBuilder().fragment(800, false).payload(1600).gre(5)).status,
            DecodeStatus::kFragment);
  // 203.0.113.1 > 203.0.113.2: ARP in GRE, a GRE of version 1 (PPTP), and one with source routes.
  const auto gre = [](const char* header) {
    return decode(FrameBuilder().protocol(47).payload(hex(header + std::string(80, '0')))).status;
  };
  EXPECT_EQ(gre("0000 0806"), DecodeStatus::kNotIp);
  EXPECT_EQ(gre("3001 880b"), DecodeStatus::kNotTcp);
  EXPECT_EQ(gre("4000 0800"), DecodeStatus::kNotTcp);
}

TEST(DecodeEncapsulation, PortsAloneMakeNoTunnel) {
  const auto udp = [](const char* datagram) {
    return decode(FrameBuilder().protocol(17).payload(hex(datagram + std::string(160, '0'))))
        .status;
  };
  EXPECT_EQ(udp("d431 12b5 0058 0000  00000000 00000500"), DecodeStatus::kNotTcp);  // no VNI
  EXPECT_EQ(udp("d431 12b5 0058 0000  08000000 00000500"), DecodeStatus::kNotIp);
  EXPECT_EQ(udp("d431 17c1 0058 0000  40006558 00000500"), DecodeStatus::kNotTcp);  // version 1
  EXPECT_EQ(udp("12b5 d431 0058 0000  08000000 00000500"), DecodeStatus::kNotTcp);  // from 4789
}

TEST(DecodeEncapsulation, Ipv6ExtensionHeadersAreSteppedOver) {
  // HBH (padn), routing (type 4, one segment), DSTOPT (padn), AH, mobility, an atomic fragment
  const FrameBuilder builder =
      v6_packet()
          .extension(0, hex("00 00 0104 00000000"))
          .extension(43, hex("00 02 04 00 00 00 0000 20010db8000000000000000000000007"))
          .extension(60, hex("00 01 010c 00000000 00000000 00000000"))
          .extension(51, hex("00 04 0000 00000001 00000001 000000000000000000000000"))
          .extension(135, hex("00 00 0000 00000000"))
          .extension(44, hex("00 00 0000 00000005"));
  EXPECT_EQ(encapsulation_of(builder), 0U);
  const auto size = builder.build().size();
  for (size_t captured = 0; captured < size; ++captured) {
    const auto status = decode(builder.truncated(captured), LinkType::kEthernet, size).status;
    const bool flags_captured = captured + 10 + 12 + 6 >= size;
    EXPECT_EQ(status, flags_captured ? DecodeStatus::kOk : DecodeStatus::kTruncated) << captured;
  }
}

TEST(DecodeEncapsulation, Ipv6Fragments) {
  // frag (0x00000005:0|1280), frag (0x00000005:1280|…)
  const auto first = decode(v6_packet().extension(44, hex("00 00 0001 00000005")));
  EXPECT_EQ(first.status, DecodeStatus::kOk);
  EXPECT_EQ(first.segment.payload_length, 10U);
  EXPECT_EQ(decode(v6_packet().extension(44, hex("00 00 0501 00000005"))).status,
            DecodeStatus::kFragment);
}

TEST(DecodeEncapsulation, ExtensionHeadersBeyondThePayloadAreMalformed) {
  EXPECT_EQ(decode(v6_packet().extension(0, hex("00 ff 0104 00000000"))).status,
            DecodeStatus::kMalformed);
}

TEST(DecodeEncapsulation, SixteenExtensionHeadersAreAllowed) {
  FrameBuilder builder = v6_packet();
  for (int i = 0; i < 16; ++i) builder.extension(60, hex("00 00 0104 00000000"));
  EXPECT_EQ(decode(builder).status, DecodeStatus::kOk);
  builder.extension(60, hex("00 00 0104 00000000"));
  EXPECT_EQ(decode(builder).status, DecodeStatus::kMalformed);
}

// Cut anywhere, a packet is either truncated or what it is when whole.
TEST(DecodeEncapsulation, EveryTruncationIsTruncated) {
  struct Framing {
    FrameBuilder builder;
    LinkType type = LinkType::kEthernet;
  };
  for (const Framing& framing :
       {Framing{v4_packet().pppoe(7)}, Framing{v4_packet().mpls({1, 2})},
        Framing{v4_packet().vlan(1, 0x88a8).vlan(2)}, Framing{v4_packet().gre_flags(0xb000, 7)},
        Framing{v4_packet().gre_ethernet(7).vlan(1)}, Framing{v6_packet().outer_v6().vxlan(7)},
        Framing{v4_packet().geneve(7, 5)}, Framing{v6_packet().ip_in_ip()},
        Framing{v4_packet().ip_options(hex("94040000"))}, Framing{v4_packet(), LinkType::kPpp},
        Framing{v4_packet(), LinkType::kPppEthernet}, Framing{v6_packet(), LinkType::kRawIp},
        Framing{v4_packet(), LinkType::kNull}, Framing{v6_packet(), LinkType::kLoopback},
        Framing{v4_packet().vlan(3), LinkType::kLinuxCooked}}) {
    const FrameBuilder builder = FrameBuilder(framing.builder).link(framing.type);
    const size_t size = builder.build().size();
    const auto whole = decode(builder.build(), framing.type);
    for (size_t captured = 0; captured < size; ++captured) {
      SCOPED_TRACE(captured);
      const auto cut = decode(builder.truncated(captured), framing.type, size);
      const size_t from_flags_on = 10 + 12 + 7;  // payload, options, flags to urgent pointer
      ASSERT_EQ(cut.status,
                captured + from_flags_on > size ? DecodeStatus::kOk : DecodeStatus::kTruncated);
      if (cut.status != DecodeStatus::kOk) continue;
      EXPECT_EQ(cut.segment.key, whole.segment.key);
      EXPECT_EQ(cut.segment.payload_length, 10U);
      EXPECT_EQ(cut.segment.bits & ~whole.segment.bits, 0);
    }
  }
}

}  // namespace
}  // namespace lossgazer
