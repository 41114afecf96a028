// Comparison of numbers that wrap (RFC 1982; RFC 7323, section 5.2).
#pragma once

#include <compare>
#include <cstdint>

namespace lossgazer {

// How far `later` is ahead of `earlier`; negative if it is behind.
[[nodiscard]] constexpr int32_t serial_distance(uint32_t earlier, uint32_t later) {
  return static_cast<int32_t>(later - earlier);
}
[[nodiscard]] constexpr int16_t serial_distance16(uint16_t earlier, uint16_t later) {
  return static_cast<int16_t>(static_cast<uint16_t>(later - earlier));
}

}  // namespace lossgazer
