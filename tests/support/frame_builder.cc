#include "tests/support/frame_builder.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace lossgazer::test {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed) throw std::invalid_argument("no IP address: " + std::string(text));
  return *parsed;
}

// An outer IP packet of a tunnel.
Bytes outer_packet(bool v6, uint8_t protocol, const Bytes& payload) {
  if (v6) {
    return ipv6_packet({.source = address("2001:db8:ffff::1"),
                        .destination = address("2001:db8:ffff::2"),
                        .next_header = protocol},
                       payload);
  }
  return ipv4_packet({.source = address("203.0.113.1"),
                      .destination = address("203.0.113.2"),
                      .protocol = protocol,
                      .id = 0xbeef},
                     payload);
}

uint16_t outer_ether_type(bool v6) { return v6 ? 0x86dd : 0x0800; }

}  // namespace

FrameBuilder& FrameBuilder::link(LinkType type, uint32_t interface_index) {
  link_type_ = type;
  interface_index_ = interface_index;
  return *this;
}

FrameBuilder& FrameBuilder::little_endian_family(uint32_t family) {
  little_endian_family_ = family;
  return *this;
}

FrameBuilder& FrameBuilder::vlan(uint16_t vid, uint16_t tag_protocol) {
  layers_.emplace_back([=](const Part& inner) {
    Bytes out;
    put16(out, vid);
    put16(out, inner.ether_type);
    put(out, inner.bytes);
    return Part{out, tag_protocol};
  });
  return *this;
}

FrameBuilder& FrameBuilder::mpls(std::initializer_list<uint32_t> labels) {
  layers_.emplace_back([stack = std::vector(labels)](const Part& inner) {
    Bytes out;
    for (size_t i = 0; i < stack.size(); ++i) {
      const uint32_t bottom = i + 1 == stack.size() ? 0x100 : 0;
      put32(out, stack[i] << 12 | bottom | 64);
    }
    put(out, inner.bytes);
    return Part{out, 0x8847};
  });
  return *this;
}

FrameBuilder& FrameBuilder::pppoe(uint16_t session) {
  layers_.emplace_back([=](const Part& inner) {
    return Part{pppoe_frame(session, inner.ether_type, inner.bytes), 0x8864};
  });
  return *this;
}

FrameBuilder& FrameBuilder::ip_in_ip() {
  layers_.emplace_back([v6 = outer_v6_](const Part& inner) {
    const uint8_t protocol = inner.ether_type == 0x86dd ? 41 : 4;
    return Part{outer_packet(v6, protocol, inner.bytes), outer_ether_type(v6)};
  });
  return *this;
}

FrameBuilder& FrameBuilder::gre() { return gre_flags(0, 0); }

FrameBuilder& FrameBuilder::gre(uint32_t key) { return gre_flags(0x2000, key); }

FrameBuilder& FrameBuilder::gre_flags(uint16_t flags, uint32_t key) {
  layers_.emplace_back([=, v6 = outer_v6_](const Part& inner) {
    Bytes out;
    put16(out, flags);
    put16(out, inner.ether_type);
    if ((flags & 0x8000) != 0) put32(out, 0xabcd0000);
    if ((flags & 0x2000) != 0) put32(out, key);
    if ((flags & 0x1000) != 0) put32(out, 77);
    put(out, inner.bytes);
    return Part{outer_packet(v6, 47, out), outer_ether_type(v6)};
  });
  return *this;
}

FrameBuilder& FrameBuilder::gre_ethernet(uint32_t key) {
  gre(key);
  layers_.emplace_back([](const Part& inner) {
    return Part{ethernet(inner.ether_type, inner.bytes), 0x6558};
  });
  return *this;
}

FrameBuilder& FrameBuilder::vxlan(uint32_t vni) {
  layers_.emplace_back([=, v6 = outer_v6_](const Part& inner) {
    Bytes out;
    put32(out, 0x08000000);
    put32(out, vni << 8);
    put(out, ethernet(inner.ether_type, inner.bytes));
    return Part{outer_packet(v6, 17, udp(4789, out)), outer_ether_type(v6)};
  });
  return *this;
}

FrameBuilder& FrameBuilder::geneve(uint32_t vni, size_t option_words) {
  layers_.emplace_back([=, v6 = outer_v6_](const Part& inner) {
    Bytes out;
    put8(out, static_cast<unsigned>(option_words));
    put8(out, 0);
    put16(out, 0x6558);
    put32(out, vni << 8);
    for (size_t i = 0; i < option_words; ++i) put32(out, 0x01028000);
    put(out, ethernet(inner.ether_type, inner.bytes));
    return Part{outer_packet(v6, 17, udp(6081, out)), outer_ether_type(v6)};
  });
  return *this;
}

FrameBuilder& FrameBuilder::geneve_ip(uint32_t vni) {
  layers_.emplace_back([=, v6 = outer_v6_](const Part& inner) {
    Bytes out;
    put16(out, 0);
    put16(out, inner.ether_type);
    put32(out, vni << 8);
    put(out, inner.bytes);
    return Part{outer_packet(v6, 17, udp(6081, out)), outer_ether_type(v6)};
  });
  return *this;
}

FrameBuilder& FrameBuilder::outer_v6(bool on) {
  outer_v6_ = on;
  return *this;
}

FrameBuilder& FrameBuilder::from(std::string_view address_text, uint16_t port) {
  source_ = address(address_text);
  source_port_ = port;
  return *this;
}

FrameBuilder& FrameBuilder::to(std::string_view address_text, uint16_t port) {
  destination_ = address(address_text);
  destination_port_ = port;
  return *this;
}

FrameBuilder& FrameBuilder::reversed() {
  std::swap(source_, destination_);
  std::swap(source_port_, destination_port_);
  return *this;
}

FrameBuilder& FrameBuilder::ip_id(uint16_t id) {
  ip_id_ = id;
  return *this;
}

FrameBuilder& FrameBuilder::ttl(uint8_t hops) {
  ttl_ = hops;
  return *this;
}

FrameBuilder& FrameBuilder::traffic_class(uint8_t octet) {
  traffic_class_ = octet;
  return *this;
}

FrameBuilder& FrameBuilder::ip_options(Bytes options) {
  ip_options_ = std::move(options);
  return *this;
}

FrameBuilder& FrameBuilder::fragment(uint16_t offset, bool more) {
  fragment_ = static_cast<uint16_t>(offset / 8 | (more ? 0x2000 : 0));
  return *this;
}

FrameBuilder& FrameBuilder::extension(uint8_t kind, Bytes header) {
  extensions_.emplace_back(kind, std::move(header));
  return *this;
}

FrameBuilder& FrameBuilder::protocol(uint8_t number) {
  protocol_ = number;
  return *this;
}

FrameBuilder& FrameBuilder::zero_ip_length() { return ip_length(0); }

FrameBuilder& FrameBuilder::ip_length(uint16_t wrong) {
  ip_length_ = wrong;
  return *this;
}

FrameBuilder& FrameBuilder::seq(uint32_t number) {
  seq_ = number;
  return *this;
}

FrameBuilder& FrameBuilder::ack(uint32_t number) {
  ack_ = number;
  flags_ |= 0x10;
  return *this;
}

FrameBuilder& FrameBuilder::flags(uint8_t flags) {
  flags_ = flags;
  return *this;
}

FrameBuilder& FrameBuilder::window(uint16_t raw) {
  window_ = raw;
  return *this;
}

FrameBuilder& FrameBuilder::data_offset(uint8_t wrong_words) {
  data_offset_ = wrong_words;
  return *this;
}

FrameBuilder& FrameBuilder::option(uint8_t kind, const Bytes& value) {
  put8(tcp_options_, kind);
  put8(tcp_options_, static_cast<unsigned>(2 + value.size()));
  put(tcp_options_, value);
  return *this;
}

FrameBuilder& FrameBuilder::nop() {
  put8(tcp_options_, 1);
  return *this;
}

FrameBuilder& FrameBuilder::mss(uint16_t bytes) {
  Bytes value;
  put16(value, bytes);
  return option(2, value);
}

FrameBuilder& FrameBuilder::window_scale(uint8_t shift) {
  Bytes value;
  put8(value, shift);
  return option(3, value);
}

FrameBuilder& FrameBuilder::sack_permitted() { return option(4, {}); }

FrameBuilder& FrameBuilder::timestamps(uint32_t tsval, uint32_t tsecr) {
  Bytes value;
  put32(value, tsval);
  put32(value, tsecr);
  return nop().nop().option(8, value);
}

FrameBuilder& FrameBuilder::sack(const std::vector<std::pair<uint32_t, uint32_t>>& blocks) {
  Bytes value;
  for (const auto& [left, right] : blocks) {
    put32(value, left);
    put32(value, right);
  }
  return nop().nop().option(5, value);
}

FrameBuilder& FrameBuilder::raw_options(Bytes options) {
  tcp_options_ = std::move(options);
  return *this;
}

FrameBuilder& FrameBuilder::payload(size_t length) {
  payload_.clear();
  for (size_t i = 0; i < length; ++i) put8(payload_, static_cast<unsigned>('a' + i % 26));
  return *this;
}

FrameBuilder& FrameBuilder::payload(Bytes bytes) {
  payload_ = std::move(bytes);
  return *this;
}

FrameBuilder& FrameBuilder::padded(bool on) {
  padded_ = on;
  return *this;
}

Bytes FrameBuilder::tcp_header() const {
  Bytes options = tcp_options_;
  while (options.size() % 4 != 0) put8(options, 0);
  const auto words = static_cast<unsigned>(5 + options.size() / 4);
  Bytes out;
  put16(out, source_port_);
  put16(out, destination_port_);
  put32(out, seq_);
  put32(out, (flags_ & 0x10) != 0 ? ack_ : 0);
  put8(out, (data_offset_ >= 0 ? static_cast<unsigned>(data_offset_) : words) << 4);
  put8(out, flags_);
  put16(out, window_);
  put16(out, 0);  // checksum
  put16(out, 0);  // urgent pointer
  put(out, options);
  return out;
}

Bytes FrameBuilder::ip_payload() const {
  if (protocol_ != 6) return payload_;
  Bytes segment = tcp_header();
  put(segment, payload_);
  Bytes pseudo;
  put(pseudo, source_);
  put(pseudo, destination_);
  put32(pseudo, 6);
  put32(pseudo, static_cast<uint32_t>(segment.size()));
  put(pseudo, segment);
  set16(segment, 16, checksum(pseudo));
  return segment;
}

FrameBuilder::Part FrameBuilder::ip_packet() const {
  Bytes payload = ip_payload();
  const size_t skipped = std::min((fragment_ & 0x1fffU) * size_t{8}, payload.size());
  payload.erase(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(skipped));
  if (source_.is_v4()) {
    return {ipv4_packet({.source = source_,
                         .destination = destination_,
                         .protocol = protocol_,
                         .traffic_class = traffic_class_,
                         .id = ip_id_,
                         .fragment = fragment_,
                         .ttl = ttl_,
                         .options = ip_options_,
                         .length = ip_length_},
                        payload),
            0x0800};
  }
  uint8_t next = protocol_;
  for (auto extension = extensions_.rbegin(); extension != extensions_.rend(); ++extension) {
    Bytes header = extension->second;
    header.at(0) = static_cast<std::byte>(next);
    next = extension->first;
    payload.insert(payload.begin(), header.begin(), header.end());
  }
  return {ipv6_packet({.source = source_,
                       .destination = destination_,
                       .next_header = next,
                       .traffic_class = traffic_class_,
                       .hop_limit = ttl_,
                       .length = ip_length_},
                      payload),
          0x86dd};
}

Bytes FrameBuilder::with_link_header(const Part& part) const {
  Bytes out;
  switch (link_type_) {
    case LinkType::kEthernet:
      return ethernet(part.ether_type, part.bytes);
    case LinkType::kLinuxCooked:
      out = hex("0000 0001 0006 020000000001 0000");
      put16(out, part.ether_type);
      break;
    case LinkType::kLinuxCookedV2:
      put16(out, part.ether_type);
      put16(out, 0);
      put32(out, interface_index_);
      put(out, hex("0001 00 06 020000000001 0000"));
      break;
    case LinkType::kRawIp:
      break;
    case LinkType::kNull:
    case LinkType::kLoopback:
      if (little_endian_family_ != 0) {
        for (unsigned shift = 0; shift < 32; shift += 8) put8(out, little_endian_family_ >> shift);
      } else {
        put32(out, part.ether_type == 0x86dd ? 30 : 2);
      }
      break;
    case LinkType::kPpp:
      out = hex("ff03");
      put(out, ppp(part.ether_type, part.bytes));
      return out;
    case LinkType::kPppEthernet:
      return pppoe_frame(1, part.ether_type, part.bytes);
  }
  put(out, part.bytes);
  return out;
}

Bytes FrameBuilder::build() const {
  Part part = ip_packet();
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    part = (*layer)(part);
  }
  Bytes out = with_link_header(part);
  if (padded_ && out.size() < 60) out.resize(60);
  return out;
}

Bytes FrameBuilder::truncated(size_t length) const {
  Bytes out = build();
  out.resize(std::min(length, out.size()));
  return out;
}

}  // namespace lossgazer::test
