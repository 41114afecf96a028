// What a scrape or a report shows: every peer's counters, and the capture's own health.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <vector>

#include "analyzer/capture_health.h"
#include "analyzer/ip_address.h"
#include "analyzer/loss_counters.h"

namespace lossgazer {

// Which way data went, seen from us.
enum class Direction : uint8_t { kEgress = 0, kIngress = 1 };

// Whose counters a row holds.
struct PeerKey {
  enum class Kind : uint8_t {
    kAddress,  // a peer of ours: `address`
    kOther,    // all peers beyond the limit
    kPair,     // nobody is us: data between `address` and `second`, where address < second
  };
  Kind kind = Kind::kAddress;
  IpAddress address{};
  IpAddress second{};  // kPair only
  auto operator<=>(const PeerKey&) const = default;
};

struct PeerRow {
  PeerKey key;
  // By Direction. For a pair, [0] is address → second and [1] the way back.
  std::array<LossCounters, 2> counters;
};

struct Snapshot {
  std::vector<PeerRow> peers;  // in the order of their keys
  CaptureHealth health;
};

}  // namespace lossgazer
