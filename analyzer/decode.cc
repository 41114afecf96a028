#include "analyzer/decode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "analyzer/byte_reader.h"
#include "analyzer/protocol_numbers.h"
#include "analyzer/tcp_options.h"

namespace lossgazer {
namespace {

// Bounds on nesting. No sane network reaches them; hostile frames would loop through hundreds.
constexpr int kMaxVlanTags = 4;
constexpr int kMaxMplsLabels = 16;
constexpr int kMaxExtensionHeaders = 16;
constexpr int kMaxIpHeaders = 5;  // a packet in four tunnels

// Keeps a VLAN 5 apart from a VNI 5 in FlowKey::encapsulation.
enum class TagKind : uint8_t { kVlan = 1, kVni, kGreKey };

// No stack makes longer super-packets (Linux: GSO_MAX_SIZE, half of it): the length was damaged.
constexpr size_t kMaxTcpLength = size_t{1} << 20;

constexpr uint8_t kCongestionExperiencedMark = 3;  // RFC 3168, section 5

// SplitMix64's finaliser: each input bit changes each output bit with probability one half.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

bool is_vlan(uint16_t ether_type) {
  return ether_type == kTypeVlan || ether_type == kTypeServiceVlan ||
         ether_type == kTypeOldServiceVlan;
}

uint16_t mark_of(uint8_t traffic_class) {
  return (traffic_class & 3) == kCongestionExperiencedMark ? kCongestionExperienced : 0;
}

// Walks one frame from the outside in, one function a layer; each consumes its header and ends in
// the next layer's verdict. Used for one frame.
class Decoder {
 public:
  Decoder(const Frame& frame, HashKey secret, Segment& segment)
      : reader_(frame.bytes, std::max<size_t>(frame.wire_length, frame.bytes.size())),
        secret_(secret),
        segment_(segment) {}

  DecodeStatus decode(LinkType link_type) {
    switch (link_type) {
      case LinkType::kEthernet:
        return ethernet();
      case LinkType::kLinuxCooked:
        return linux_cooked();
      case LinkType::kLinuxCookedV2:
        return linux_cooked_v2();
      case LinkType::kRawIp:
        return ip_by_version();
      case LinkType::kNull:
      case LinkType::kLoopback:
        return loopback();
      case LinkType::kPpp:
        return ppp();
      case LinkType::kPppEthernet:
        return pppoe();
    }
    return DecodeStatus::kNotIp;
  }

 private:
  enum class Tags { kNameTheFlow, kIgnored };

  // The next `needed` bytes are not there: either not captured, or never sent.
  [[nodiscard]] DecodeStatus lacking(size_t needed) const {
    return reader_.length() < needed ? DecodeStatus::kMalformed : DecodeStatus::kTruncated;
  }

  void add_tag(TagKind kind, uint32_t value) {
    const uint64_t before = uint64_t{encapsulation_} << 32 | value;
    const auto folded =
        static_cast<uint32_t>(mix(before + static_cast<uint64_t>(kind) * 0x9e3779b97f4a7c15));
    encapsulation_ = std::max(folded, 1U);  // 0 is kept for the plain packet
  }

  DecodeStatus ethernet() {
    const auto header = reader_.take<14>();
    if (!header) return lacking(14);
    return by_ether_type(header.u16<12>(), Tags::kNameTheFlow);
  }

  // LINKTYPE_LINUX_SLL: packet type, ARPHRD type, address length, address (8), protocol.
  DecodeStatus linux_cooked() {
    const auto header = reader_.take<16>();
    if (!header) return lacking(16);
    return by_ether_type(header.u16<14>(), Tags::kNameTheFlow);
  }

  // LINKTYPE_LINUX_SLL2: protocol, reserved, interface index, ARPHRD type, packet type, address
  // length, address (8).
  DecodeStatus linux_cooked_v2() {
    const auto header = reader_.take<20>();
    if (!header) return lacking(20);
    segment_.link = header.u32<4>();
    // The interface separates VLANs already. A VLAN device's packet is seen here twice, on the
    // device without its tag and on the one below with it: were the tag to count, the copies could
    // not be recognised as one packet.
    return by_ether_type(header.u16<0>(), Tags::kIgnored);
  }

  DecodeStatus loopback() {
    const auto header = reader_.take<4>();
    if (!header) return lacking(4);
    // In the capturing host's byte order, or the network's; all families fit one byte.
    uint32_t family = header.u32<0>();
    if ((family & 0xffffff) == 0) family >>= 24;
    switch (family) {
      case 2:
        return ipv4();
      case 10:  // Linux
      case 24:  // NetBSD, OpenBSD
      case 28:  // FreeBSD
      case 30:  // macOS
        return ipv6();
      default:
        return DecodeStatus::kNotIp;
    }
  }

  DecodeStatus pppoe() {
    const auto header = reader_.take<6>();  // RFC 2516, section 4
    if (!header) return lacking(6);
    if (header.u8<1>() != 0) return DecodeStatus::kNotIp;  // no session data
    return ppp();
  }

  DecodeStatus ppp() {  // RFC 1661, section 2; RFC 1662, section 3
    auto first = reader_.take<1>();
    if (first && first.u8<0>() == kPppAddress) {  // optional, with the control byte
      if (!reader_.skip(1)) return lacking(1);
      first = reader_.take<1>();
    }
    if (!first) return lacking(1);
    uint16_t protocol = first.u8<0>();
    const bool compressed = (protocol & 1) != 0;  // to one byte
    if (!compressed) {
      const auto second = reader_.take<1>();
      if (!second) return lacking(1);
      protocol = static_cast<uint16_t>(protocol << 8 | second.u8<0>());
    }
    switch (protocol) {
      case kPppIpv4:
        return ipv4();
      case kPppIpv6:
        return ipv6();
      case kPppMpls:
      case kPppMplsUpstream:
        return mpls();
      default:
        return DecodeStatus::kNotIp;
    }
  }

  DecodeStatus by_ether_type(uint16_t type, Tags tags) {
    for (int depth = 0; is_vlan(type); ++depth) {
      if (depth == kMaxVlanTags) return DecodeStatus::kMalformed;
      const auto tag = reader_.take<4>();
      if (!tag) return lacking(4);
      const uint32_t vid = tag.u16<0>() & 0xfff;  // 0: only a priority
      if (vid != 0 && tags == Tags::kNameTheFlow) add_tag(TagKind::kVlan, vid);
      type = tag.u16<2>();
    }
    switch (type) {
      case kTypeIpv4:
        return ipv4();
      case kTypeIpv6:
        return ipv6();
      case kTypeMpls:
      case kTypeMplsUpstream:
        return mpls();
      case kTypePppoeSession:
        return pppoe();
      default:
        return DecodeStatus::kNotIp;
    }
  }

  DecodeStatus mpls() {
    for (int depth = 0; depth < kMaxMplsLabels; ++depth) {
      const auto label = reader_.take<4>();
      if (!label) return lacking(4);
      const bool bottom = (label.u8<2>() & 1) != 0;  // RFC 3032, section 2.1
      if (bottom) return ip_by_version();
    }
    return DecodeStatus::kMalformed;
  }

  DecodeStatus ip_by_version() {
    ByteReader ahead = reader_;
    const auto first = ahead.take<1>();
    if (!first) return lacking(1);
    switch (first.u8<0>() >> 4) {
      case 4:
        return ipv4();
      case 6:
        return ipv6();
      default:
        return DecodeStatus::kNotIp;
    }
  }

  DecodeStatus ipv4() {  // RFC 791, section 3.1
    const auto header = reader_.take<20>();
    if (!header) return lacking(20);
    const size_t header_length = (header.u8<0>() & 0xfU) * size_t{4};
    if (header.u8<0>() >> 4 != 4 || header_length < 20) return DecodeStatus::kMalformed;
    // The header's own length wins over the wire's, which counts Ethernet's padding, and which some
    // captures clip; 0 stands for a super-packet longer than 65,535 bytes.
    if (const size_t total_length = header.u16<2>(); total_length != 0) {
      if (total_length < header_length) return DecodeStatus::kMalformed;
      reader_.set_length(total_length - 20);
    }
    if (!reader_.skip(header_length - 20)) return lacking(header_length - 20);
    source_ = IpAddress::v4(header.u32<12>());
    destination_ = IpAddress::v4(header.u32<16>());
    segment_.ip_id = header.u16<4>();
    segment_.bits = static_cast<uint16_t>(kHasIpId | mark_of(header.u8<1>()));
    const uint16_t fragment_offset = header.u16<6>() & 0x1fff;
    if (fragment_offset != 0) return DecodeStatus::kFragment;
    return ip_payload(header.u8<9>());
  }

  DecodeStatus ipv6() {  // RFC 8200, section 3
    const auto header = reader_.take<40>();
    if (!header) return lacking(40);
    if (header.u8<0>() >> 4 != 6) return DecodeStatus::kMalformed;
    // 0 stands for a jumbogram (RFC 2675), whether it still carries that option or not.
    if (const size_t payload_length = header.u16<4>(); payload_length != 0) {
      reader_.set_length(payload_length);
    }
    source_ = IpAddress::v6(header.bytes<8, 16>());
    destination_ = IpAddress::v6(header.bytes<24, 16>());
    segment_.ip_id = 0;
    segment_.bits = mark_of(static_cast<uint8_t>(header.u16<0>() >> 4));
    return ip_payload(header.u8<6>());
  }

  DecodeStatus ip_payload(uint8_t protocol) {
    if (++ip_headers_ > kMaxIpHeaders) return DecodeStatus::kMalformed;
    for (int depth = 0; depth <= kMaxExtensionHeaders; ++depth) {
      switch (protocol) {
        case kProtocolTcp:
          return tcp();
        case kProtocolUdp:
          return udp();
        case kProtocolGre:
          return gre();
        case kProtocolIpv4:
          return ipv4();
        case kProtocolIpv6:
          return ipv6();
        case kProtocolHopByHop:
        case kProtocolRouting:
        case kProtocolFragment:
        case kProtocolAuthentication:
        case kProtocolDestinationOptions:
        case kProtocolMobility:
          break;
        default:
          return DecodeStatus::kNotTcp;
      }
      const auto header = reader_.take<8>();
      if (!header) return lacking(8);
      size_t rest = header.u8<1>() * size_t{8};  // RFC 8200, section 4
      if (protocol == kProtocolFragment) {
        const uint16_t offset = header.u16<2>() >> 3;
        if (offset != 0) return DecodeStatus::kFragment;
        rest = 0;
      } else if (protocol == kProtocolAuthentication) {
        rest = header.u8<1>() * size_t{4};  // RFC 4302, section 2.2
      }
      if (!reader_.skip(rest)) return lacking(rest);
      protocol = header.u8<0>();
    }
    return DecodeStatus::kMalformed;
  }

  DecodeStatus gre() {  // RFC 2784, RFC 2890
    const auto header = reader_.take<4>();
    if (!header) return lacking(4);
    constexpr uint16_t kChecksum = 0x8000;
    constexpr uint16_t kKey = 0x2000;
    constexpr uint16_t kSequence = 0x1000;
    constexpr uint16_t kRoutingOrVersion = 0x4007;
    const uint16_t flags = header.u16<0>();
    if ((flags & kRoutingOrVersion) != 0) return DecodeStatus::kNotTcp;
    if ((flags & kChecksum) != 0 && !reader_.skip(4)) return lacking(4);
    if ((flags & kKey) != 0) {
      const auto key = reader_.take<4>();
      if (!key) return lacking(4);
      add_tag(TagKind::kGreKey, key.u32<0>());
    }
    if ((flags & kSequence) != 0 && !reader_.skip(4)) return lacking(4);
    return tunnelled(header.u16<2>());
  }

  DecodeStatus udp() {
    const auto header = reader_.take<8>();
    if (!header) return lacking(8);
    switch (header.u16<2>()) {
      case kVxlanPort:
      case kVxlanPortOfLinux:
        return vxlan();
      case kGenevePort:
        return geneve();
      default:
        return DecodeStatus::kNotTcp;
    }
  }

  DecodeStatus vxlan() {  // RFC 7348, section 5
    const auto header = reader_.take<8>();
    if (!header) return lacking(8);
    const bool vni_valid = (header.u8<0>() & 0x08) != 0;
    if (!vni_valid) return DecodeStatus::kNotTcp;
    add_tag(TagKind::kVni, header.u32<4>() >> 8);
    return ethernet();
  }

  DecodeStatus geneve() {  // RFC 8926, section 3.4
    const auto header = reader_.take<8>();
    if (!header) return lacking(8);
    const uint8_t version = header.u8<0>() >> 6;
    if (version != 0) return DecodeStatus::kNotTcp;
    const size_t options_length = (header.u8<0>() & 0x3fU) * size_t{4};
    if (!reader_.skip(options_length)) return lacking(options_length);
    add_tag(TagKind::kVni, header.u32<4>() >> 8);
    return tunnelled(header.u16<2>());
  }

  DecodeStatus tunnelled(uint16_t type) {
    if (type == kTypeEthernet) return ethernet();
    return by_ether_type(type, Tags::kNameTheFlow);
  }

  DecodeStatus tcp() {  // RFC 9293, section 3.1
    const size_t length = reader_.length();
    if (length < 20 || length > kMaxTcpLength) return DecodeStatus::kMalformed;
    const auto header = reader_.take<14>();
    if (!header) return DecodeStatus::kTruncated;
    const size_t header_length = (header.u8<12>() >> 4) * size_t{4};
    if (header_length < 20 || header_length > length) return DecodeStatus::kMalformed;

    const Endpoint source{source_, header.u16<0>()};
    const Endpoint destination{destination_, header.u16<2>()};
    const bool from_high = FlowKey::is_after(source, destination);
    segment_.key = FlowKey::in_order(source, destination, from_high, encapsulation_);
    segment_.bits = static_cast<uint16_t>(segment_.bits | (from_high ? kFromHigh : 0));
    segment_.hash = hash_of(secret_, segment_.key);
    segment_.seq = SeqNum(header.u32<4>());
    segment_.ack = SeqNum(header.u32<8>());
    segment_.tcp_header_length = static_cast<uint8_t>(header_length);
    segment_.tcp_flags = header.u8<13>();
    segment_.payload_length = static_cast<uint32_t>(length - header_length);

    if (const auto window = reader_.take<4>()) {
      segment_.window = window.u16<0>();
      segment_.checksum = window.u16<2>();
      set_bit(kHasWindow);
      if (reader_.skip(2)) {
        reader_.set_length(header_length - 20);
        read_tcp_options(reader_, segment_);
      }
    }
    return DecodeStatus::kOk;
  }

  void set_bit(SegmentBit bit) { segment_.bits = static_cast<uint16_t>(segment_.bits | bit); }

  ByteReader reader_;
  HashKey secret_;
  Segment& segment_;
  IpAddress source_;
  IpAddress destination_;
  uint32_t encapsulation_ = 0;
  int ip_headers_ = 0;
};

}  // namespace

DecodeStatus decode(const Frame& frame, LinkType link_type, HashKey secret,
                    Segment& segment) noexcept {
  // What not every TCP header has. The rest is always written; clearing it all takes longer than
  // decoding an option.
  segment.tsval = 0;
  segment.tsecr = 0;
  segment.window = 0;
  segment.checksum = 0;
  segment.mss = 0;
  segment.window_scale = 0;
  segment.sack_count = 0;
  segment.sack = {};
  segment.time = frame.time;
  segment.frame = frame.number;
  return Decoder(frame, secret, segment).decode(link_type);
}

}  // namespace lossgazer
