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
    const Endpoint& low = a <= b ? a : b;
    const Endpoint& high = a <= b ? b : a;
    return {low.address, high.address, low.port, high.port, encapsulation};
  }
  [[nodiscard]] constexpr Endpoint end(Sender sender) const {
    return sender == Sender::kLow ? Endpoint{low_address, low_port}
                                  : Endpoint{high_address, high_port};
  }
  constexpr bool operator==(const FlowKey&) const = default;
};
static_assert(sizeof(FlowKey) == 40);

}  // namespace lossgazer
