// Loss as a share, with what it is a share of; and which loss is worse. It holds no counts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analyzer/loss_counters.h"

namespace lossgazer {

// Packets lost on one side, as one method knows them, of those that it looked at: counted loss is
// of census_packets and what was lost, inferred loss of data_segments (retransmissions included).
struct LossShare {
  Side side = Side::kBefore;
  LossMethod method = LossMethod::kCensus;
  uint64_t lost = 0;
  uint64_t of = 0;

  // At most 1: a loss may be known only after the time in which the packet was sent.
  [[nodiscard]] double ratio() const;
  // What it counts for in the ranking: lost / (of + 100), as if a hundred packets more had come
  // through. So 1 lost of 2 (0.01) stands far below 500 of 10,000 (0.05), and the more was seen,
  // the nearer this comes to the ratio. It errs towards too low.
  [[nodiscard]] double weight() const;
  bool operator==(const LossShare&) const = default;
};

// Of every side and method that looked at anything, in the order of Side, then LossMethod.
[[nodiscard]] std::vector<LossShare> loss_shares(const LossCounters& counted);

// The share of greatest weight with a loss in it; nothing if nothing was lost. Sides and methods
// are not added up: their denominators overlap. With `side`, of that side alone.
[[nodiscard]] std::optional<LossShare> worst_share(const LossCounters& counted,
                                                   std::optional<Side> side = std::nullopt);

// What a direction counts for in the ranking: the weight of its worst share, or, where that is
// more, of what was sent again to a receiver that does not answer. Such a peer may be quite cut
// off, which no loss tells.
[[nodiscard]] double rank_weight(const LossCounters& counted);

}  // namespace lossgazer
