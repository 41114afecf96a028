#include "analyzer/decode.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/analyzer/decode_fixture.h"

namespace lossgazer {
namespace {

using test::decode;
using test::Decoded;
using test::FrameBuilder;
using test::hex;

// 192.0.2.1.40000 > 198.51.100.7.443: Flags [P.], seq 4294967000:4294967012, ack 1000, win 501,
//   options [nop,nop,TS val 305419896 ecr 2596069104], length 12
// IP (tos 0x0, ttl 64, id 4660, flags [DF], length 64), TCP cksum 0x9ef5
const std::string kPacket =
    "45000040 12344000 40063c48 c0000201 c6336407"
    "9c4001bb fffffed8 000003e8 801801f5 9ef50000 0101080a 12345678 9abcdef0"
    "61626364 65666768 696a6b6c";

// 2001:db8::1.40000 > 2001:db8::7.443: Flags [S], seq 7, win 501,
//   options [mss 1440,sackOK,nop,nop,TS val 1 ecr 0,nop,wscale 7,eol], length 0
const std::string kPacket6 =
    "60000000 002c0640 20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000007"
    "9c4001bb 00000007 00000000 b00201f5 3b9d0000 020405a0 0402 0101080a 00000001 00000000"
    "01 030307 0000";

const Endpoint kClient{IpAddress::v4(0xc0000201), 40000};
const Endpoint kServer{IpAddress::v4(0xc6336407), 443};

void expect_the_packet(const Decoded& decoded) {
  ASSERT_EQ(decoded.status, DecodeStatus::kOk);
  const Segment& segment = decoded.segment;
  EXPECT_EQ(segment.key.end(segment.sender()), kClient);
  EXPECT_EQ(segment.key.end(other(segment.sender())), kServer);
  EXPECT_EQ(segment.hash, hash_of(test::kSecret, segment.key));
  EXPECT_EQ(segment.time, CaptureTime(Duration(1'700'000'000'123'456'789)));
  EXPECT_EQ(segment.frame, 17U);
  EXPECT_EQ(segment.source, 5);
  EXPECT_EQ(segment.seq, SeqNum(4294967000));
  EXPECT_EQ(segment.ack, SeqNum(1000));
  EXPECT_EQ(segment.tcp_flags, kPsh | kAck);
  EXPECT_EQ(segment.tcp_header_length, 32);
  EXPECT_EQ(segment.payload_length, 12U);
  EXPECT_EQ(segment.window, 501);
  EXPECT_EQ(segment.checksum, 0x9ef5);
  EXPECT_EQ(segment.ip_id, 4660);
  EXPECT_EQ(segment.tsval, 305419896U);
  EXPECT_EQ(segment.tsecr, 2596069104U);
  EXPECT_EQ(segment.bits & ~kFromHigh,
            kHasIpId | kHasWindow | kHasTsval | kHasTsecr | kOptionsComplete);
}

// 02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 78
TEST(Decode, Ethernet) {
  const Decoded decoded = decode(hex("020000000002 020000000001 0800" + kPacket));
  expect_the_packet(decoded);
  EXPECT_EQ(decoded.segment.key.encapsulation, 0U);
  EXPECT_EQ(decoded.segment.link, 9U);
}

// 02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv6 (0x86dd), length 98
TEST(Decode, EthernetWithIpv6) {
  const auto [status, segment] = decode(hex("020000000002 020000000001 86dd" + kPacket6));
  ASSERT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.key.end(segment.sender()), (Endpoint{*IpAddress::parse("2001:db8::1"), 40000}));
  EXPECT_EQ(segment.key.end(other(segment.sender())),
            (Endpoint{*IpAddress::parse("2001:db8::7"), 443}));
  EXPECT_EQ(segment.tcp_flags, kSyn);
  EXPECT_EQ(segment.payload_length, 0U);
  EXPECT_EQ(segment.sequence_length(), 1U);
  EXPECT_EQ(segment.mss, 1440);
  EXPECT_EQ(segment.window_scale, 7);
  EXPECT_EQ(segment.bits & ~kFromHigh,
            kHasWindow | kHasTsval | kHasWindowScale | kSackPermitted | kOptionsComplete);
}

// ifindex 3 02:00:00:00:00:01 ethertype IPv4 (0x0800), length 84
TEST(Decode, LinuxCooked) {
  expect_the_packet(
      decode(hex("0000 0001 0006 020000000001 0000 0800" + kPacket), LinkType::kLinuxCooked));
}

TEST(Decode, LinuxCookedV2NamesTheInterface) {
  const Decoded decoded = decode(hex("0800 0000 00000003 0001 00 06 020000000001 0000" + kPacket),
                                 LinkType::kLinuxCookedV2);
  expect_the_packet(decoded);
  EXPECT_EQ(decoded.segment.link, 3U);
}

TEST(Decode, RawIp) {
  expect_the_packet(decode(hex(kPacket), LinkType::kRawIp));
  EXPECT_EQ(decode(hex(kPacket6), LinkType::kRawIp).status, DecodeStatus::kOk);
  EXPECT_EQ(decode(hex("50" + kPacket.substr(2)), LinkType::kRawIp).status, DecodeStatus::kNotIp);
}

TEST(Decode, LoopbackFamiliesInBothByteOrders) {
  for (const LinkType type : {LinkType::kNull, LinkType::kLoopback}) {
    expect_the_packet(decode(hex("00000002" + kPacket), type));
    expect_the_packet(decode(hex("02000000" + kPacket), type));
    for (const char* family : {"0000000a", "00000018", "0000001c", "0000001e", "0a000000",
                               "18000000", "1c000000", "1e000000"}) {
      EXPECT_EQ(decode(hex(family + kPacket6), type).status, DecodeStatus::kOk) << family;
    }
    for (const char* family : {"00000000", "00000003", "00020000", "02000001"}) {
      EXPECT_EQ(decode(hex(family + kPacket), type).status, DecodeStatus::kNotIp) << family;
    }
  }
}

TEST(Decode, PppWithAndWithoutItsAddressAndControl) {
  for (const char* header : {"ff03 0021", "0021", "21", "ff03 21", "0281 00064140"}) {
    expect_the_packet(decode(hex(header + kPacket), LinkType::kPpp));
  }
  EXPECT_EQ(decode(hex("ff03 0057" + kPacket6), LinkType::kPpp).status, DecodeStatus::kOk);
  // LCP
  EXPECT_EQ(decode(hex("ff03 c021 01010004"), LinkType::kPpp).status, DecodeStatus::kNotIp);
}

// 02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype PPPoE S (0x8864), length 86:
//   PPPoE [ses 0x11] IP (0x0021), length 66
TEST(Decode, PppoeSession) {
  expect_the_packet(decode(hex("020000000002 020000000001 8864 11 00 0011 0042 0021" + kPacket)));
  expect_the_packet(decode(hex("11 00 0011 0042 0021" + kPacket), LinkType::kPppEthernet));
  // Not session data: a terminate request (PADT).
  EXPECT_EQ(decode(hex("11 a7 0011 0000 0000"), LinkType::kPppEthernet).status,
            DecodeStatus::kNotIp);
}

// ethertype MPLS unicast (0x8847), length 86: MPLS (label 100, tc 0, ttl 64)
//   (label 200, tc 0, [S], ttl 64)
TEST(Decode, MplsLabels) {
  const Decoded decoded = decode(hex("020000000002 020000000001 8847 00064040 000c8140" + kPacket));
  expect_the_packet(decoded);
  EXPECT_EQ(decoded.segment.key.encapsulation, 0U);
  EXPECT_EQ(decode(hex("020000000002 020000000001 8848 000c8140" + kPacket6)).status,
            DecodeStatus::kOk);
  EXPECT_EQ(decode(hex("020000000002 020000000001 8847 000c8140 00000000" + kPacket)).status,
            DecodeStatus::kNotIp);
}

TEST(Decode, MplsLabelsWithoutBottomAreMalformed) {
  std::string labels;
  for (int i = 0; i < 17; ++i) labels += "00064040";
  EXPECT_EQ(decode(hex("020000000002 020000000001 8847" + labels + kPacket)).status,
            DecodeStatus::kMalformed);
}

TEST(Decode, WhatIsNoIpIsSaidToBeNone) {
  // ARP; an LLC frame whose type is its length; an unknown type
  for (const char* type : {"0806", "0040", "88cc"}) {
    EXPECT_EQ(decode(hex("020000000002 020000000001" + std::string(type) + kPacket)).status,
              DecodeStatus::kNotIp)
        << type;
  }
}

TEST(Decode, WhatIsNoTcpIsSaidToBeNone) {
  for (const int number : {1, 50, 59, 132}) {
    const auto protocol = static_cast<uint8_t>(number);
    EXPECT_EQ(decode(FrameBuilder().protocol(protocol).payload(40)).status, DecodeStatus::kNotTcp);
  }
  // 192.0.2.1.53 > 198.51.100.7.53: UDP
  EXPECT_EQ(decode(FrameBuilder().protocol(17).payload(hex("0035 0035 0008 0000"))).status,
            DecodeStatus::kNotTcp);
}

TEST(Decode, BothDirectionsShareKeyAndHash) {
  const FrameBuilder forth = FrameBuilder().vlan(5);
  const FrameBuilder back = FrameBuilder(forth).reversed();
  const Segment there = decode(forth).segment;
  const Segment here = decode(back).segment;
  EXPECT_EQ(there.key, here.key);
  EXPECT_EQ(there.hash, here.hash);
  EXPECT_NE(there.sender(), here.sender());
}

TEST(Decode, ThePortOrdersEndsOfOneAddress) {
  const FrameBuilder lower = FrameBuilder().from("192.0.2.1", 443).to("192.0.2.1", 40000);
  EXPECT_EQ(decode(lower).segment.sender(), Sender::kLow);
  EXPECT_EQ(decode(FrameBuilder(lower).reversed()).segment.sender(), Sender::kHigh);
}

TEST(Decode, IpOptionsAreSteppedOver) {
  const auto [status, segment] =
      decode(FrameBuilder().ip_options(hex("94040000 01010101")).payload(9));
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 9U);
}

TEST(Decode, EthernetPaddingIsNoPayload) {
  const auto [status, segment] = decode(FrameBuilder().padded());
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 0U);
  EXPECT_TRUE(segment.has(kOptionsComplete));
}

TEST(Decode, TheIpHeaderWinsOverAClippedWireLength) {
  const auto [status, segment] = decode(FrameBuilder().payload(1000).truncated(64));
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 1000U);
}

TEST(Decode, AnIpLengthOfZeroFallsBackToTheWireLength) {
  const FrameBuilder v4 = FrameBuilder().payload(100).zero_ip_length();
  const FrameBuilder v6 = FrameBuilder(v4).from("2001:db8::1", 1).to("2001:db8::7", 2);
  for (const FrameBuilder& builder : {v4, v6, FrameBuilder(v4).vlan(5)}) {
    EXPECT_EQ(decode(builder).segment.payload_length, 100U);
    const size_t wire_length = builder.build().size() + 100'000;
    const auto [status, segment] = decode(builder.truncated(100), LinkType::kEthernet, wire_length);
    EXPECT_EQ(status, DecodeStatus::kOk);
    EXPECT_EQ(segment.payload_length, 100'100U);
  }
}

TEST(Decode, ALengthThatNoStackSendsIsMalformed) {
  const FrameBuilder builder = FrameBuilder().payload(100).zero_ip_length();
  const auto status_of = [&](size_t wire_length) {
    return decode(builder.truncated(100), LinkType::kEthernet, wire_length).status;
  };
  EXPECT_EQ(status_of(14 + 20 + (size_t{1} << 20)), DecodeStatus::kOk);
  EXPECT_EQ(status_of(14 + 20 + (size_t{1} << 20) + 1), DecodeStatus::kMalformed);
}

TEST(Decode, AJumbogramTakesItsLengthFromTheWire) {
  // 2001:db8::1 > 2001:db8::7: HBH (jumbo: 100032)
  const FrameBuilder jumbo = FrameBuilder()
                                 .from("2001:db8::1", 40000)
                                 .to("2001:db8::7", 443)
                                 .extension(0, hex("00 00 c2 04 000186c0"))
                                 .payload(100'000);
  const auto [status, segment] = decode(jumbo);
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 100'000U);
}

TEST(Decode, LengthsThatContradictAreMalformed) {
  const auto status_of = [](const FrameBuilder& builder) { return decode(builder).status; };
  EXPECT_EQ(status_of(FrameBuilder().ip_length(19)), DecodeStatus::kMalformed);
  EXPECT_EQ(status_of(FrameBuilder().ip_length(39)), DecodeStatus::kMalformed);  // TCP of 19 bytes
  EXPECT_EQ(status_of(FrameBuilder().ip_length(40)), DecodeStatus::kOk);
  EXPECT_EQ(status_of(FrameBuilder().ip_options(hex("01010101")).ip_length(23)),
            DecodeStatus::kMalformed);
  EXPECT_EQ(status_of(FrameBuilder().data_offset(4)), DecodeStatus::kMalformed);
  EXPECT_EQ(status_of(FrameBuilder().data_offset(6)), DecodeStatus::kMalformed);
  EXPECT_EQ(status_of(FrameBuilder().data_offset(6).payload(4)), DecodeStatus::kOk);
  // Header lengths of 16 bytes, versions that are not what the frame says.
  EXPECT_EQ(decode(hex("020000000002 020000000001 0800 44" + kPacket.substr(2))).status,
            DecodeStatus::kMalformed);
  EXPECT_EQ(decode(hex("020000000002 020000000001 86dd" + kPacket)).status,
            DecodeStatus::kMalformed);
  EXPECT_EQ(decode(hex("020000000002 020000000001 0800" + kPacket6)).status,
            DecodeStatus::kMalformed);
}

TEST(Decode, TcpBytesBeyondTheIpLengthAreNotRead) {
  // Total length 48: the timestamps' TSecr lies in what the IP header calls padding.
  const auto [status, segment] =
      decode(FrameBuilder().timestamps(1, 2).ip_length(48).data_offset(7));
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_FALSE(segment.has(kHasTsecr));
  EXPECT_FALSE(segment.has(kOptionsComplete));
}

TEST(Decode, AFirstFragmentIsJudgedByWhatItCarries) {
  const auto [status, segment] = decode(FrameBuilder().fragment(0, true).payload(1400));
  EXPECT_EQ(status, DecodeStatus::kOk);
  EXPECT_EQ(segment.payload_length, 1400U);
}

TEST(Decode, LaterFragmentsCarryNoTcp) {
  EXPECT_EQ(decode(FrameBuilder().fragment(1480, true).payload(2000)).status,
            DecodeStatus::kFragment);
  EXPECT_EQ(decode(FrameBuilder().fragment(8, false).payload(2000)).status,
            DecodeStatus::kFragment);
}

TEST(Decode, IpIdIsKnownEvenIfZero) {
  const Segment zero = decode(FrameBuilder().ip_id(0)).segment;
  EXPECT_TRUE(zero.has(kHasIpId));
  EXPECT_EQ(zero.ip_id, 0);
}

TEST(Decode, CongestionMarks) {
  const FrameBuilder v4;
  const FrameBuilder v6 = FrameBuilder().from("2001:db8::1", 1).to("2001:db8::7", 2);
  for (const FrameBuilder& builder : {v4, v6}) {
    for (const auto& [octet, marked] : {std::pair(0x00, false),
                                        {0x01, false},
                                        {0x02, false},
                                        {0x03, true},
                                        {0xb8, false},
                                        {0xbb, true}}) {
      const auto [status, segment] =
          decode(FrameBuilder(builder).traffic_class(static_cast<uint8_t>(octet)));
      EXPECT_EQ(segment.has(kCongestionExperienced), marked) << octet;
    }
  }
}

TEST(Decode, EveryTcpFlagIsKept) {
  EXPECT_EQ(decode(FrameBuilder().flags(0xff)).segment.tcp_flags, 0xff);
  EXPECT_EQ(decode(FrameBuilder().flags(0)).segment.tcp_flags, 0);
}

// ANALYSIS of the default 64 bytes: where each field of an Ethernet/IPv4 packet ends.
TEST(Decode, EachFieldIsKnownOnceItsLastByteIsCaptured) {
  struct Framing {
    FrameBuilder builder;
    LinkType type;
    size_t added;  // bytes before the place where Ethernet/IPv4 would have the TCP header
  };
  const FrameBuilder v4 =
      FrameBuilder().timestamps(7, 8).sack({{1, 2}, {3, 4}, {5, 6}}).payload(100);
  const FrameBuilder v6 = FrameBuilder(v4).from("2001:db8::1", 1).to("2001:db8::7", 2);
  for (const Framing& framing :
       {Framing{v4, LinkType::kEthernet, 0},
        Framing{FrameBuilder(v4).vlan(5), LinkType::kEthernet, 4},
        Framing{v4, LinkType::kLinuxCooked, 2}, Framing{v4, LinkType::kLinuxCookedV2, 6},
        Framing{v6, LinkType::kEthernet, 20},
        Framing{FrameBuilder(v4).vlan(5).vxlan(1), LinkType::kEthernet, 54}}) {
    const FrameBuilder builder = FrameBuilder(framing.builder).link(framing.type, 3);
    const size_t size = builder.build().size();
    for (size_t captured = 0; captured <= size; ++captured) {
      SCOPED_TRACE(captured);
      const auto [status, segment] = decode(builder.truncated(captured), framing.type, size);
      const auto known = [&](size_t end) { return captured >= end + framing.added; };
      ASSERT_EQ(status, known(48) ? DecodeStatus::kOk : DecodeStatus::kTruncated);
      if (status != DecodeStatus::kOk) continue;
      EXPECT_EQ(segment.payload_length, 100U);
      EXPECT_EQ(segment.tcp_flags, kAck);
      EXPECT_EQ(segment.has(kHasWindow), known(52));
      EXPECT_EQ(segment.window, known(52) ? 501 : 0);
      EXPECT_EQ(segment.has(kHasTsval), known(62));
      EXPECT_EQ(segment.tsval, known(62) ? 7U : 0U);
      EXPECT_EQ(segment.has(kHasTsecr), known(66));
      EXPECT_EQ(segment.tsecr, known(66) ? 8U : 0U);
      EXPECT_EQ(segment.sack_count, known(78) + known(86) + known(94));
      EXPECT_EQ(segment.has(kOptionsComplete), known(94));
      EXPECT_EQ(segment.bits & kHasIpId, framing.added == 20 ? 0 : kHasIpId);
    }
  }
}

}  // namespace
}  // namespace lossgazer
