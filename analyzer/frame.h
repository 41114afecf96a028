// A captured frame as the capture room hands it over: a view that lives for one callback.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "analyzer/units.h"

namespace lossgazer {

// The framings that decode() knows. Only the capture room knows libpcap's own numbers for them.
enum class LinkType : uint8_t {
  kEthernet,
  kLinuxCooked,    // SLL, what `any` gave before libpcap 1.10
  kLinuxCookedV2,  // SLL2, with the interface's index
  kRawIp,
  kNull,      // BSD loopback: the address family in the capturing host's byte order
  kLoopback,  // OpenBSD loopback: the address family in network byte order
  kPpp,
  kPppEthernet,  // a PPPoE session frame without its Ethernet header
};

struct Frame {
  CaptureTime time;
  uint64_t number = 0;       // in its source, from 1
  uint32_t wire_length = 0;  // bytes, before truncation
  std::span<const std::byte> bytes;
};

}  // namespace lossgazer
