#include "capture/view_filter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/decode.h"
#include "tests/support/frame_builder.h"

namespace lossgazer {
namespace {

using test::Bytes;
using test::FrameBuilder;
using ::testing::HasSubstr;

constexpr uint8_t kUdp = 17;

int dlt_of(LinkType type) {
  switch (type) {
    case LinkType::kLinuxCooked:
      return DLT_LINUX_SLL;
    case LinkType::kLinuxCookedV2:
      return DLT_LINUX_SLL2;
    case LinkType::kRawIp:
      return DLT_RAW;
    default:
      return DLT_EN10MB;
  }
}

using Handle = std::unique_ptr<pcap_t, decltype(&pcap_close)>;

Handle dead_handle(LinkType type) { return {pcap_open_dead(dlt_of(type), 65535), &pcap_close}; }

// The program, as it runs in user space, for one kind of link.
class ViewFilter {
 public:
  explicit ViewFilter(LinkType type, const std::string& user_filter = "", uint32_t snaplen = 64)
      : ViewFilter(type, {snaplen, user_filter, false}) {}
  ViewFilter(LinkType type, const ViewFilterConfig& config) {
    const Handle handle = dead_handle(type);
    for (const FilterInstruction& from : compile_view_filter(handle.get(), config)) {
      instructions_.push_back({from.code, from.jump_true, from.jump_false, from.operand});
    }
  }

  [[nodiscard]] bool valid() const {
    return bpf_validate(instructions_.data(), static_cast<int>(instructions_.size())) != 0;
  }
  // Bytes kept of `frame`, 0 if it is not accepted.
  [[nodiscard]] uint32_t grants(const Bytes& frame) {
    bpf_program program{static_cast<u_int>(instructions_.size()), instructions_.data()};
    pcap_pkthdr header{};
    header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
    std::vector<u_char> bytes;
    for (const std::byte byte : frame) bytes.push_back(std::to_integer<u_char>(byte));
    return static_cast<uint32_t>(pcap_offline_filter(&program, &header, bytes.data()));
  }

 private:
  std::vector<bpf_insn> instructions_;
};

FrameBuilder v6() { return FrameBuilder().from("2001:db8::1", 40000).to("2001:db8::2", 443); }

// An IPv6 extension header that long, all padding.
Bytes extension(size_t length) {
  Bytes header(length);
  header[1] = static_cast<std::byte>(length / 8 - 1);
  return header;
}

// What a data segment of a modern connection looks like.
FrameBuilder data(FrameBuilder frame) { return frame.timestamps(7, 6).payload(1000); }

// What its receiver answers when three pieces are out of order.
FrameBuilder sacking(FrameBuilder frame) {
  return frame.timestamps(8, 7).sack({{100, 200}, {300, 400}, {500, 600}});
}

TEST(ViewFilter, DataKeepsTheSameViewInEveryFraming) {
  ViewFilter ethernet(LinkType::kEthernet);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder()).build()), 64U);
  EXPECT_EQ(ethernet.grants(data(v6()).build()), 84U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().vlan(5)).build()), 68U);
  EXPECT_EQ(ethernet.grants(data(v6().vlan(5)).build()), 88U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().vlan(5, 0x88a8).vlan(6)).build()), 72U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().pppoe(1)).build()), 72U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().vlan(5).pppoe(1)).build()), 76U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().mpls({16})).build()), 68U);
  EXPECT_EQ(ethernet.grants(data(v6().mpls({16, 17})).build()), 92U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().mpls({16, 17, 18})).build()), 76U);

  const auto on = [](LinkType type, FrameBuilder frame) { return data(frame.link(type)).build(); };
  ViewFilter cooked(LinkType::kLinuxCooked);
  EXPECT_EQ(cooked.grants(on(LinkType::kLinuxCooked, FrameBuilder())), 66U);
  EXPECT_EQ(cooked.grants(on(LinkType::kLinuxCooked, v6())), 86U);
  ViewFilter cooked_v2(LinkType::kLinuxCookedV2);
  EXPECT_EQ(cooked_v2.grants(on(LinkType::kLinuxCookedV2, FrameBuilder())), 70U);
  EXPECT_EQ(cooked_v2.grants(on(LinkType::kLinuxCookedV2, v6())), 90U);
  ViewFilter raw(LinkType::kRawIp);
  EXPECT_EQ(raw.grants(on(LinkType::kRawIp, FrameBuilder())), 50U);
  EXPECT_EQ(raw.grants(on(LinkType::kRawIp, v6())), 70U);
}

TEST(ViewFilter, FixedTunnelsKeepTheSameViewOfTheInnerPacket) {
  ViewFilter ethernet(LinkType::kEthernet);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().ip_in_ip()).build()), 84U);
  EXPECT_EQ(ethernet.grants(data(v6().ip_in_ip()).build()), 104U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().outer_v6().ip_in_ip()).build()), 104U);
  EXPECT_EQ(ethernet.grants(data(v6().outer_v6().ip_in_ip()).build()), 124U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().vxlan(42)).build()), 114U);
  test::Bytes linux_vxlan = data(FrameBuilder().vxlan(42)).build();
  linux_vxlan[36] = std::byte{0x21};  // to port 8472
  linux_vxlan[37] = std::byte{0x18};
  EXPECT_EQ(ethernet.grants(linux_vxlan), 114U);
  EXPECT_EQ(ethernet.grants(data(v6().vxlan(42)).build()), 134U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().outer_v6().vxlan(42)).build()), 134U);
  EXPECT_EQ(ethernet.grants(data(FrameBuilder().vlan(5).vxlan(42)).build()), 118U);
}

// Whatever the framing, what was kept of a packet must tell as much as the whole packet did.
TEST(ViewFilter, EveryFramingKeepsWhatJudgingNeeds) {
  struct Case {
    const char* name;
    FrameBuilder frame;
    LinkType type = LinkType::kEthernet;
  };
  const FrameBuilder v4;
  const std::vector<Case> cases = {
      {"IPv4", v4},
      {"IPv4 options", FrameBuilder().ip_options(Bytes(40, std::byte{1}))},
      {"IPv6", v6()},
      {"IPv6 hop by hop", v6().extension(0, extension(8))},
      {"IPv6 extensions", v6().extension(0, extension(16)).extension(60, extension(24))},
      {"VLAN", FrameBuilder().vlan(5)},
      {"QinQ", v6().vlan(5, 0x88a8).vlan(6)},
      {"PPPoE", v6().pppoe(3)},
      {"VLAN PPPoE", FrameBuilder().vlan(2).pppoe(3)},
      {"MPLS", v6().mpls({16, 17, 18})},
      {"IPIP", FrameBuilder().ip_in_ip()},
      {"6in4", v6().ip_in_ip()},
      {"4in6", FrameBuilder().outer_v6().ip_in_ip()},
      {"6in6", v6().outer_v6().ip_in_ip()},
      {"GRE", FrameBuilder().gre()},
      {"GRE key", v6().gre(9)},
      {"GRE all fields", v6().gre_flags(0xb000, 9)},
      {"GRE Ethernet", v6().gre_ethernet(9)},
      {"GRE over IPv6", v6().outer_v6().gre_ethernet(9)},
      {"VXLAN", FrameBuilder().vxlan(42)},
      {"VXLAN IPv6", v6().outer_v6().vxlan(42)},
      {"VXLAN inner VLAN", v6().vxlan(42).vlan(7)},
      {"VXLAN in VLAN", v6().vlan(7).vxlan(42)},
      {"Geneve", FrameBuilder().geneve(42)},
      {"Geneve options", v6().outer_v6().geneve(42, 16)},
      {"Geneve IP", v6().geneve_ip(42)},
      {"SLL", v6(), LinkType::kLinuxCooked},
      {"SLL2", v6(), LinkType::kLinuxCookedV2},
      {"SLL2 VLAN", v6().vlan(5), LinkType::kLinuxCookedV2},
      {"SLL2 MPLS", v6().mpls({16, 17}), LinkType::kLinuxCookedV2},
      {"SLL2 VXLAN", v6().vxlan(42), LinkType::kLinuxCookedV2},
      {"SLL PPPoE", v6().pppoe(3), LinkType::kLinuxCooked},
      {"raw", v6(), LinkType::kRawIp},
      {"raw IPIP", v6().ip_in_ip(), LinkType::kRawIp},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    ViewFilter filter(one.type);
    FrameBuilder frame = one.frame;
    frame.link(one.type);
    const auto decode_kept = [&](const FrameBuilder& sent) {
      const Bytes whole = sent.build();
      const uint32_t granted = filter.grants(whole);
      EXPECT_LE(granted, 64 + kViewHeadroom);
      const Bytes kept = sent.truncated(std::min<size_t>(granted, whole.size()));
      Segment segment;
      EXPECT_EQ(decode({.time = {},
                        .number = 1,
                        .wire_length = static_cast<uint32_t>(whole.size()),
                        .bytes = kept},
                       one.type, {}, segment),
                DecodeStatus::kOk);
      return segment;
    };
    const Segment sent = decode_kept(data(frame));
    EXPECT_EQ(sent.payload_length, 1000U);
    EXPECT_TRUE(sent.has(kHasTsval));
    const Segment answer = decode_kept(sacking(frame));
    EXPECT_TRUE(answer.has(kHasTsecr));
    EXPECT_TRUE(answer.has(kOptionsComplete));
    EXPECT_EQ(answer.sack_count, 3U);
    const Segment fast_open = decode_kept(data(frame.flags(kSyn).mss(1460)));
    EXPECT_TRUE(fast_open.has(kOptionsComplete));
  }
}

// Of many flows in one framing, both directions: what the filter takes of those in a sample, and of
// the others.
struct Taken {
  size_t sampled = 0;
  size_t of_sampled = 0;
  size_t of_others = 0;
};

constexpr uint16_t kFlows = 300;

Taken taken(const FrameBuilder& framing, LinkType type = LinkType::kEthernet) {
  constexpr FlowSample kSample{3};
  ViewFilter filter(type, ViewFilterConfig{.in_kernel = false, .sample = kSample});
  Taken taken;
  for (uint16_t flow = 0; flow < kFlows; ++flow) {
    FrameBuilder frame = framing;
    Segment segment;
    const auto decoded = [&](const Bytes& bytes) {
      const auto length = static_cast<uint32_t>(bytes.size());
      return decode({.time = {}, .number = 1, .wire_length = length, .bytes = bytes}, type, {},
                    segment);
    };
    const auto build = [&] { return data(frame.link(type)).build(); };
    EXPECT_EQ(decoded(build()), DecodeStatus::kOk);
    const bool is_v4 = segment.key.low_address.is_v4();
    frame.from(is_v4 ? "192.0.2.1" : "2001:db8::1", static_cast<uint16_t>(30'000 + 7 * flow));
    frame.to(is_v4 ? "198.51.100.7" : "2001:db8:7::7", 443);
    for (const bool back : {false, true}) {
      if (back) frame.reversed();
      const Bytes sent = build();
      EXPECT_EQ(decoded(sent), DecodeStatus::kOk);
      const bool in_sample = kSample.keeps(segment.key);
      const bool accepted = filter.grants(sent) > 0;
      taken.sampled += in_sample ? 1 : 0;
      taken.of_sampled += in_sample && accepted ? 1 : 0;
      taken.of_others += !in_sample && accepted ? 1 : 0;
    }
  }
  return taken;
}

TEST(ViewFilter, AShareOfFlowsIsKeptWhereTheirEndsStandAtFixedPlaces) {
  const std::vector<std::pair<FrameBuilder, LinkType>> framings = {
      {FrameBuilder(), LinkType::kEthernet},
      {v6(), LinkType::kEthernet},
      {FrameBuilder().vlan(5), LinkType::kEthernet},
      {v6().vlan(5, 0x88a8).vlan(6), LinkType::kEthernet},
      {FrameBuilder().vlan(2).pppoe(3), LinkType::kEthernet},
      {v6().mpls({16, 17, 18}), LinkType::kEthernet},
      {FrameBuilder().outer_v6().ip_in_ip(), LinkType::kEthernet},
      {v6().vlan(7).vxlan(42), LinkType::kEthernet},
      {v6(), LinkType::kLinuxCooked},
      {FrameBuilder(), LinkType::kLinuxCookedV2},
      {v6(), LinkType::kRawIp},
  };
  for (const auto& [framing, type] : framings) {
    const Taken of = taken(framing, type);
    EXPECT_GT(of.sampled, 2 * kFlows / 4);
    EXPECT_LT(of.sampled, 2 * kFlows / 2);
    EXPECT_EQ(of.of_sampled, of.sampled);
    EXPECT_EQ(of.of_others, 0U);
  }
}

TEST(ViewFilter, WhatCannotBeSampledPassesWhole) {
  const std::vector<FrameBuilder> framings = {FrameBuilder().ip_options(Bytes(8, std::byte{1})),
                                              v6().extension(0, extension(8)),
                                              FrameBuilder().gre(9), v6().geneve(42)};
  for (const FrameBuilder& framing : framings) {
    const Taken of = taken(framing);
    EXPECT_EQ(of.of_sampled + of.of_others, size_t{2} * kFlows);
  }
}

TEST(ViewFilter, ASampleLeavesRoomForAUsersFilter) {
  std::string hosts = "host 192.0.2.1";
  for (int i = 2; i <= 40; ++i) hosts += fmt::format(" or host 192.0.2.{}", i);
  for (const LinkType type : {LinkType::kEthernet, LinkType::kLinuxCookedV2, LinkType::kRawIp}) {
    ViewFilter filter(
        type, ViewFilterConfig{.user_filter = hosts, .in_kernel = false, .sample = {65'536}});
    EXPECT_TRUE(filter.valid());
  }
}

TEST(ViewFilter, PacketsWithoutPayloadKeepTheirWholeHeaders) {
  ViewFilter filter(LinkType::kEthernet);
  EXPECT_EQ(filter.grants(FrameBuilder().padded().build()), 94U);
  EXPECT_EQ(filter.grants(FrameBuilder().flags(kFin | kAck).build()), 94U);
  EXPECT_EQ(filter.grants(FrameBuilder().flags(kRst).build()), 94U);
  EXPECT_EQ(filter.grants(v6().build()), 114U);
  EXPECT_EQ(filter.grants(FrameBuilder().payload(1).build()), 64U);
  // A super-packet's length 0 is not an empty payload.
  EXPECT_EQ(filter.grants(FrameBuilder().payload(1000).zero_ip_length().build()), 64U);
}

TEST(ViewFilter, LongerSnapshotLengthsAreKept) {
  ViewFilter filter(LinkType::kEthernet, "", 256);
  EXPECT_EQ(filter.grants(data(FrameBuilder()).build()), 256U);
  EXPECT_EQ(filter.grants(data(v6()).build()), 276U);
  EXPECT_GE(filter.grants(data(FrameBuilder()).flags(kSyn).build()), 256U);
}

TEST(ViewFilter, WhatIsNotTcpIsNotCaptured) {
  for (const LinkType type :
       {LinkType::kEthernet, LinkType::kLinuxCooked, LinkType::kLinuxCookedV2, LinkType::kRawIp}) {
    ViewFilter filter(type);
    EXPECT_TRUE(filter.valid());
    EXPECT_EQ(filter.grants(FrameBuilder().link(type).protocol(kUdp).payload(100).build()), 0U);
    EXPECT_EQ(filter.grants(v6().link(type).protocol(kUdp).payload(100).build()), 0U);
  }
  ViewFilter filter(LinkType::kEthernet);
  EXPECT_EQ(filter.grants(FrameBuilder().vlan(5).protocol(kUdp).payload(100).build()), 0U);
  EXPECT_EQ(filter.grants(FrameBuilder().vxlan(42).protocol(kUdp).payload(100).build()), 0U);
  EXPECT_EQ(filter.grants(v6().ip_in_ip().protocol(kUdp).payload(100).build()), 0U);
  EXPECT_EQ(filter.grants(test::ethernet(0x0806, Bytes(28))), 0U);
}

TEST(ViewFilter, UserFilterAlsoWorksBehindTags) {
  ViewFilter filter(LinkType::kEthernet, "port 443");
  EXPECT_TRUE(filter.valid());
  EXPECT_EQ(filter.grants(data(FrameBuilder()).build()), 64U);
  EXPECT_EQ(filter.grants(data(v6().vlan(5)).build()), 88U);
  EXPECT_EQ(filter.grants(data(FrameBuilder().mpls({16})).build()), 68U);
  EXPECT_EQ(filter.grants(data(FrameBuilder().to("198.51.100.7", 80)).build()), 0U);
  EXPECT_EQ(filter.grants(data(FrameBuilder().vlan(5).to("198.51.100.7", 80)).build()), 0U);
}

TEST(ViewFilter, NegatedUserFilterHoldsBehindTags) {
  ViewFilter filter(LinkType::kEthernet, "not port 443");
  EXPECT_EQ(filter.grants(data(FrameBuilder().vlan(5)).build()), 0U);
  EXPECT_EQ(filter.grants(data(FrameBuilder().vlan(5).to("198.51.100.7", 80)).build()), 68U);
}

TEST(ViewFilter, UserFilterThatNamesTagsIsTakenAsItStands) {
  ViewFilter tagged(LinkType::kEthernet, "vlan 5 and port 443");
  EXPECT_EQ(tagged.grants(data(FrameBuilder().vlan(5)).build()), 68U);
  EXPECT_EQ(tagged.grants(data(FrameBuilder().vlan(6)).build()), 0U);
  EXPECT_EQ(tagged.grants(data(FrameBuilder()).build()), 0U);
  ViewFilter untagged(LinkType::kEthernet, "not vlan");
  EXPECT_EQ(untagged.grants(data(FrameBuilder()).build()), 64U);
  EXPECT_EQ(untagged.grants(data(FrameBuilder().vlan(5)).build()), 0U);
}

TEST(ViewFilter, UserFilterAppliesToTheOuterPacketOfATunnel) {
  ViewFilter outer(LinkType::kEthernet, "host 203.0.113.1");
  EXPECT_EQ(outer.grants(data(FrameBuilder().vxlan(42)).build()), 114U);
  ViewFilter inner(LinkType::kEthernet, "host 192.0.2.1");
  EXPECT_EQ(inner.grants(data(FrameBuilder().vxlan(42)).build()), 0U);
}

std::string error_of(const std::string& user_filter) {
  const Handle handle = dead_handle(LinkType::kEthernet);
  try {
    std::ignore = compile_view_filter(handle.get(), {64, user_filter});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

TEST(ViewFilter, WrongUserFilterIsAnError) {
  EXPECT_THAT(error_of("port"), HasSubstr("filter 'port': "));
  EXPECT_THAT(error_of("tcp port 443 and"), HasSubstr("syntax error"));
  EXPECT_THAT(error_of("port 80) or (port 81"), HasSubstr("syntax error"));
  EXPECT_THAT(error_of("ip and ip6"), HasSubstr("rejects all packets"));
  EXPECT_THAT(error_of("icmp"), HasSubstr("lets no TCP packet through"));
}

TEST(ViewFilter, AUserFilterIsCheckedWithoutAnInterface) {
  EXPECT_EQ(user_filter_fault("tcp port 443"), std::nullopt);
  EXPECT_EQ(user_filter_fault("ether host 02:00:00:00:00:01"), std::nullopt) << "Ethernet's alone";
  EXPECT_EQ(user_filter_fault("inbound"), std::nullopt) << "no Ethernet's, unless it is open";
  EXPECT_EQ(user_filter_fault("host nonesuch.invalid"), std::nullopt) << "it may yet be found";
  EXPECT_THAT(user_filter_fault("tcp porth 443").value_or(""), HasSubstr("syntax error"));
  EXPECT_THAT(user_filter_fault("ip and ip6").value_or(""), HasSubstr("rejects all packets"));
}

TEST(ViewFilter, SnapshotLengthMustReachTheTcpFlags) {
  const Handle handle = dead_handle(LinkType::kEthernet);
  EXPECT_THROW(std::ignore = compile_view_filter(handle.get(), {47, ""}), std::runtime_error);
  EXPECT_NO_THROW(std::ignore = compile_view_filter(handle.get(), {48, ""}));
}

TEST(ViewFilter, UserFilterTooLongForTheKernelIsAnError) {
  std::string hosts = "host 192.0.2.1";
  for (int i = 2; i < 150; ++i) hosts += " or host 192.0.2." + std::to_string(i);
  EXPECT_THAT(error_of(hosts), HasSubstr("more than the 4096 instructions"));
}

}  // namespace
}  // namespace lossgazer
