// Which flows are kept when a share of them is. The kernel decides the same of most packets before
// they are captured, so this is written in what its filters can do: 32-bit numbers.
#pragma once

#include <cstdint>

#include "analyzer/flow_key.h"

namespace lossgazer {

// A number of a flow that is the same for both directions, whatever is around its packets:
//
//   (A ^ B) * kAddressFactor + (a ^ b) * kPortFactor    (mod 2^32)
//
// with the ends' ports a and b, and their addresses A and B, an IPv6 one being its four words
// XORed. Its upper bits are the well-mixed ones. Known to all: an attacker may choose flows that
// are kept, which is no more than to be seen. For tables there is KeyedHash.
struct FlowNumber {
  static constexpr uint32_t kAddressFactor = 0x9e3779b1;
  static constexpr uint32_t kPortFactor = 0x85ebca77;

  [[nodiscard]] static constexpr uint32_t of(const FlowKey& key) {
    const auto folded = [](uint64_t words) { return static_cast<uint32_t>(words ^ words >> 32); };
    const uint32_t addresses = folded(key.low_address.upper() ^ key.high_address.upper() ^
                                      key.low_address.lower() ^ key.high_address.lower());
    const auto ports = static_cast<uint32_t>(key.low_port ^ key.high_port);
    return addresses * kAddressFactor + ports * kPortFactor;
  }
};

// One flow in so many is kept, the same ones on every machine and after every start, so that both
// ends of a path speak of the same flows.
struct FlowSample {
  static constexpr uint32_t kMost = 65'536;

  uint32_t one_in = 1;  // 1 to kMost

  // A flow with a number less than that is kept. Of no use if all are.
  [[nodiscard]] constexpr uint32_t limit() const {
    return static_cast<uint32_t>((uint64_t{1} << 32) / one_in);
  }
  [[nodiscard]] constexpr bool keeps_all() const { return one_in == 1; }
  [[nodiscard]] constexpr bool keeps(const FlowKey& key) const {
    return keeps_all() || FlowNumber::of(key) < limit();
  }
  constexpr bool operator==(const FlowSample&) const = default;
};

}  // namespace lossgazer
