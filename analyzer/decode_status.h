// What decode() made of a frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lossgazer {

enum class DecodeStatus : uint8_t {
  kOk,
  kTruncated,  // the capture ended before the TCP flags
  kNotIp,
  kNotTcp,
  kFragment,   // not the first: it carries no TCP header
  kMalformed,  // a length that contradicts another
};
inline constexpr size_t kDecodeStatusCount = 6;

// The `reason` label of lossgazer_capture_unparsed_packets_total.
inline constexpr std::array<std::string_view, kDecodeStatusCount> kDecodeStatusName = {
    "ok", "truncated", "not_ip", "not_tcp", "fragment", "malformed"};

}  // namespace lossgazer
