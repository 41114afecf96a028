// What makes two packets belong to the same flow: the 5-tuple and the tags and tunnel keys around
// it.
#pragma once

#include <cstdint>

#include "analyzer/ip_address.h"

namespace lossgazer {

// One end of a connection.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
  constexpr auto operator<=>(const Endpoint&) const = default;
};

// Which end sent a packet: the one that orders first, or the other.
enum class Sender : uint8_t { kLow = 0, kHigh = 1 };

[[nodiscard]] constexpr Sender other(Sender sender) {
  return sender == Sender::kLow ? Sender::kHigh : Sender::kLow;
}

// The same for both directions: the lower end stands first.
struct FlowKey {
  IpAddress low_address;
  IpAddress high_address;
  uint16_t low_port = 0;
  uint16_t high_port = 0;
  // VLAN identifiers, VNI and GRE key, folded together; 0 for a plain packet.
  uint32_t encapsulation = 0;

  [[nodiscard]] static constexpr FlowKey between(const Endpoint& a, const Endpoint& b,
                                                 uint32_t encapsulation) {
    return in_order(a, b, is_after(a, b), encapsulation);
  }
  // Whether `a` is the high end. Without branches, as in_order(): which end sent a packet cannot be
  // predicted.
  [[nodiscard]] static constexpr bool is_after(const Endpoint& a, const Endpoint& b) {
    const auto before = [](auto one, auto other, bool rest) -> bool {
      return static_cast<unsigned>(one < other) |
             (static_cast<unsigned>(one == other) & static_cast<unsigned>(rest));
    };
    return before(b.address.upper(), a.address.upper(),
                  before(b.address.lower(), a.address.lower(), b.port < a.port));
  }
  // `swapped`: is_after(a, b).
  [[nodiscard]] static constexpr FlowKey in_order(const Endpoint& a, const Endpoint& b,
                                                  bool swapped, uint32_t encapsulation) {
    const uint64_t mask = uint64_t{0} - static_cast<uint64_t>(swapped);
    const uint64_t upper = (a.address.upper() ^ b.address.upper()) & mask;
    const uint64_t lower = (a.address.lower() ^ b.address.lower()) & mask;
    const auto port = static_cast<uint16_t>((a.port ^ b.port) & mask);
    return {IpAddress::of_words(a.address.upper() ^ upper, a.address.lower() ^ lower),
            IpAddress::of_words(b.address.upper() ^ upper, b.address.lower() ^ lower),
            static_cast<uint16_t>(a.port ^ port), static_cast<uint16_t>(b.port ^ port),
            encapsulation};
  }
  [[nodiscard]] constexpr Endpoint end(Sender sender) const {
    return sender == Sender::kLow ? Endpoint{low_address, low_port}
                                  : Endpoint{high_address, high_port};
  }
  constexpr bool operator==(const FlowKey&) const = default;
};
static_assert(sizeof(FlowKey) == 40);

}  // namespace lossgazer
