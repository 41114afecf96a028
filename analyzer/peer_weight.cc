#include "analyzer/peer_weight.h"

#include <cmath>

namespace lossgazer {
namespace {

constexpr Duration kHalfLife = std::chrono::minutes(1);
constexpr uint64_t kPacketsPerLoss = 100;

}  // namespace

void PeerWeight::add(const std::array<LossCounters, 2>& counted, CaptureTime now) {
  uint64_t packets = 0;
  for (const LossCounters& counters : counted) {
    packets += counters.packets;
    for (const auto& by_method : counters.lost_packets) {
      for (const uint64_t lost : by_method) packets += kPacketsPerLoss * lost;
    }
  }
  weight_ = at(now) + static_cast<double>(packets);
  since_ = now;
}

double PeerWeight::at(CaptureTime now) const {
  if (weight_ == 0 || now == since_) return weight_;
  return weight_ * std::exp2(-static_cast<double>((now - since_).count()) /
                             static_cast<double>(kHalfLife.count()));
}

}  // namespace lossgazer
