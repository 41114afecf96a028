#include "metrics/loss_share.h"

#include <algorithm>

namespace lossgazer {
namespace {

constexpr uint64_t kDoubt = 100;  // packets

double weigh(uint64_t lost, uint64_t of) {
  return static_cast<double>(lost) / static_cast<double>(std::max(of, lost) + kDoubt);
}

}  // namespace

double LossShare::ratio() const {
  return lost == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(std::max(of, lost));
}

double LossShare::weight() const { return weigh(lost, of); }

std::vector<LossShare> loss_shares(const LossCounters& counted) {
  std::vector<LossShare> shares;
  for (const Side side : {Side::kBefore, Side::kAfter}) {
    // The census misses what never came: it knows nothing of what is lost later.
    const uint64_t census = counted.lost(side, LossMethod::kCensus);
    const uint64_t under_census = side == Side::kBefore ? counted.census_packets + census : census;
    if (under_census > 0) shares.push_back({side, LossMethod::kCensus, census, under_census});
    const uint64_t sequence = counted.lost(side, LossMethod::kSequence);
    const uint64_t segments = std::max(counted.data_segments, sequence);
    if (segments > 0) shares.push_back({side, LossMethod::kSequence, sequence, segments});
  }
  return shares;
}

std::optional<LossShare> worst_share(const LossCounters& counted, std::optional<Side> side) {
  std::optional<LossShare> worst;
  for (const LossShare& share : loss_shares(counted)) {
    if (share.lost == 0 || (side && share.side != *side)) continue;
    if (!worst || share.weight() > worst->weight()) worst = share;
  }
  return worst;
}

double rank_weight(const LossCounters& counted) {
  const std::optional<LossShare> worst = worst_share(counted);
  return std::max(worst ? worst->weight() : 0,
                  weigh(counted.unanswered_segments, counted.data_segments));
}

}  // namespace lossgazer
