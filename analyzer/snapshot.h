// What a scrape or a report shows: every peer's counters, and the capture's own health.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "analyzer/capture_health.h"
#include "analyzer/loss_counters.h"
#include "analyzer/peer_key.h"
#include "analyzer/retransmit_ledger.h"
#include "analyzer/rtt_buckets.h"

namespace lossgazer {

// Which way data went, seen from us.
enum class Direction : uint8_t { kEgress = 0, kIngress = 1 };

struct PeerRow {
  PeerKey key;
  // By Direction. For a pair, [0] is address → second and [1] the way back.
  std::array<LossCounters, 2> counters;
  // Another one than before: the peer was forgotten in between, and counts from zero again.
  uint64_t life = 0;

  bool operator==(const PeerRow&) const = default;
};

struct Snapshot {
  std::vector<PeerRow> peers;  // in the order of their keys
  // What peers had counted, by Direction, when their rows ended: with the rows', all that ever was.
  std::array<LossCounters, 2> departed;
  RttBuckets rtt_buckets;  // those of all LossCounters here
  CaptureHealth health;
  // What the kernel says that it sent again, in the order of keys; nothing: it is not asked.
  std::optional<std::vector<RetransmitRow>> kernel_retransmits{};
};

}  // namespace lossgazer
