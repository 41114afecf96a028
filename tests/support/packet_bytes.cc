#include "tests/support/packet_bytes.h"

#include <charconv>
#include <stdexcept>
#include <string>
#include <system_error>

namespace lossgazer::test {

Bytes hex(std::string_view text) {
  Bytes out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == '\n') {
      ++i;
      continue;
    }
    uint8_t value = 0;
    const std::string_view pair = text.substr(i, 2);
    const auto [end, error] = std::from_chars(pair.data(), pair.data() + pair.size(), value, 16);
    if (error != std::errc() || end != pair.data() + 2) {
      throw std::invalid_argument("no hexadecimal byte: " + std::string(pair));
    }
    out.push_back(static_cast<std::byte>(value));
    i += 2;
  }
  return out;
}

void put8(Bytes& out, unsigned value) { out.push_back(static_cast<std::byte>(value & 0xff)); }

void put16(Bytes& out, unsigned value) {
  put8(out, value >> 8);
  put8(out, value);
}

void put32(Bytes& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void put(Bytes& out, const Bytes& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put(Bytes& out, const IpAddress& address) {
  for (size_t i = address.is_v4() ? 12 : 0; i < 16; ++i) put8(out, address.bytes()[i]);
}

void set16(Bytes& out, size_t offset, unsigned value) {
  out.at(offset) = static_cast<std::byte>(value >> 8 & 0xff);
  out.at(offset + 1) = static_cast<std::byte>(value & 0xff);
}

uint16_t checksum(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum & 0xffff);
}

Bytes ipv4_packet(const Ipv4Fields& fields, const Bytes& payload) {
  const size_t header_length = 20 + fields.options.size();
  const size_t total = header_length + payload.size();
  Bytes out;
  put8(out, static_cast<unsigned>(0x40 | header_length / 4));
  put8(out, fields.traffic_class);
  put16(out, fields.length >= 0 ? static_cast<unsigned>(fields.length)
                                : static_cast<unsigned>(total > 0xffff ? 0 : total));
  put16(out, fields.id);
  put16(out, fields.fragment);
  put8(out, fields.ttl);
  put8(out, fields.protocol);
  put16(out, 0);
  put(out, fields.source);
  put(out, fields.destination);
  put(out, fields.options);
  set16(out, 10, checksum(out));
  put(out, payload);
  return out;
}

Bytes ipv6_packet(const Ipv6Fields& fields, const Bytes& payload) {
  Bytes out;
  put32(out, 0x60000000 | uint32_t{fields.traffic_class} << 20);
  const size_t length = payload.size() > 0xffff ? 0 : payload.size();
  put16(out,
        fields.length >= 0 ? static_cast<unsigned>(fields.length) : static_cast<unsigned>(length));
  put8(out, fields.next_header);
  put8(out, fields.hop_limit);
  put(out, fields.source);
  put(out, fields.destination);
  put(out, payload);
  return out;
}

Bytes udp(uint16_t destination_port, const Bytes& payload) {
  Bytes out;
  put16(out, 54321);
  put16(out, destination_port);
  put16(out, static_cast<unsigned>(8 + payload.size()));
  put16(out, 0);  // tunnels may go without
  put(out, payload);
  return out;
}

Bytes ethernet(uint16_t ether_type, const Bytes& payload) {
  Bytes out = hex("02 00 00 00 00 02  02 00 00 00 00 01");
  put16(out, ether_type);
  put(out, payload);
  return out;
}

Bytes ppp(uint16_t ether_type, const Bytes& payload) {
  Bytes out;
  put16(out, ether_type == 0x0800 ? 0x0021 : ether_type == 0x86dd ? 0x0057 : 0x0281);
  put(out, payload);
  return out;
}

Bytes pppoe_frame(uint16_t session, uint16_t ether_type, const Bytes& payload) {
  const Bytes inner = ppp(ether_type, payload);
  Bytes out = hex("11 00");
  put16(out, session);
  put16(out, static_cast<unsigned>(inner.size()));
  put(out, inner);
  return out;
}

}  // namespace lossgazer::test
