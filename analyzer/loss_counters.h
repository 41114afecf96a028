// What is counted for one peer and one direction. The contract's words; metrics/ gives the names.
#pragma once

#include <array>
#include <cstdint>

#include "analyzer/rtt_buckets.h"
#include "analyzer/units.h"

namespace lossgazer {

// Where a packet was lost, on its way from its sender: before it came to the capture point or
// after. For `egress` data that is `local` and `peer`, for `ingress` data `peer` and `local`.
enum class Side : uint8_t { kBefore = 0, kAfter = 1 };
enum class LossMethod : uint8_t { kCensus = 0, kSequence = 1 };
enum class Handshake : uint8_t { kSyn = 0, kSynAck = 1 };
enum class ConnectionOutcome : uint8_t { kOpened = 0, kRefused = 1, kTimeout = 2 };

// Packets and segments are wire packets: a super-packet counts as those it stands for.
struct LossCounters {
  // What quiet packets count, in a line of the cache.
  uint64_t packets = 0;
  uint64_t data_segments = 0;
  uint64_t payload_bytes = 0;
  uint64_t census_packets = 0;
  uint64_t rtt_count = 0;
  Duration rtt_sum{};

  std::array<std::array<uint64_t, 2>, 2> lost_packets{};  // by Side, by LossMethod
  uint64_t unanswered_segments = 0;
  uint64_t retransmitted_segments = 0;
  uint64_t retransmitted_bytes = 0;
  uint64_t spurious_retransmissions = 0;
  std::array<uint64_t, 2> handshake_retransmissions{};  // by Handshake
  uint64_t reordered_segments = 0;
  uint64_t duplicate_packets = 0;
  uint64_t duplicate_acks = 0;
  uint64_t zero_windows = 0;
  uint64_t resets = 0;
  uint64_t ecn_ce_packets = 0;
  uint64_t unseen_bytes = 0;
  std::array<uint64_t, 3> connections{};  // by ConnectionOutcome
  RttBuckets::Counts rtt_buckets{};       // of these samples, if a histogram is kept

  [[nodiscard]] uint64_t& lost(Side side, LossMethod method) {
    return lost_packets[static_cast<size_t>(side)][static_cast<size_t>(method)];
  }
  [[nodiscard]] uint64_t lost(Side side, LossMethod method) const {
    return lost_packets[static_cast<size_t>(side)][static_cast<size_t>(method)];
  }
  LossCounters& operator+=(const LossCounters& more);
  bool operator==(const LossCounters&) const = default;
};

}  // namespace lossgazer
