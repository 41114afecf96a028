// Puts packets together byte by byte, for FrameBuilder and for tests that need odd ones. Lengths
// and checksums are right unless a field says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "analyzer/ip_address.h"

namespace lossgazer::test {

using Bytes = std::vector<std::byte>;

// "45 00 003c" as bytes; blanks between them are free. Throws std::invalid_argument on other text.
[[nodiscard]] Bytes hex(std::string_view text);

// Append in network byte order; of `value` only the low bits that fit.
void put8(Bytes& out, unsigned value);
void put16(Bytes& out, unsigned value);
void put32(Bytes& out, uint32_t value);
void put(Bytes& out, const Bytes& bytes);
void put(Bytes& out, const IpAddress& address);  // 4 or 16 bytes
// Overwrites two bytes. Throws std::out_of_range beyond the end.
void set16(Bytes& out, size_t offset, unsigned value);

// The Internet checksum (RFC 1071).
[[nodiscard]] uint16_t checksum(const Bytes& bytes);

struct Ipv4Fields {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint8_t traffic_class = 0;
  uint16_t id = 0;
  uint16_t fragment = 0x4000;
  uint8_t ttl = 64;
  Bytes options{};
  int length = -1;  // the true one, or 0 if that does not fit
};
[[nodiscard]] Bytes ipv4_packet(const Ipv4Fields& fields, const Bytes& payload);

struct Ipv6Fields {
  IpAddress source;
  IpAddress destination;
  uint8_t next_header = 0;
  uint8_t traffic_class = 0;
  uint8_t hop_limit = 64;
  int length = -1;  // likewise
};
[[nodiscard]] Bytes ipv6_packet(const Ipv6Fields& fields, const Bytes& payload);

[[nodiscard]] Bytes udp(uint16_t destination_port, const Bytes& payload);
[[nodiscard]] Bytes ethernet(uint16_t ether_type, const Bytes& payload);
// What follows is named by its Ethernet type: IPv4, IPv6, or else MPLS.
[[nodiscard]] Bytes ppp(uint16_t ether_type, const Bytes& payload);
[[nodiscard]] Bytes pppoe_frame(uint16_t session, uint16_t ether_type, const Bytes& payload);

}  // namespace lossgazer::test
