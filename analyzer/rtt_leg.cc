#include "analyzer/rtt_leg.h"

#include <algorithm>

namespace lossgazer {

void RttLeg::add(Duration sample, bool at_once) {
  if (at_once) exact_ = 1;
  constexpr int64_t kMaxUs = (int64_t{1} << 30) - 1;
  const auto us = static_cast<uint32_t>(std::clamp<int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(sample).count(), 0, kMaxUs));
  if (!known_) {
    least_us_ = us;
    smoothed_us_ = us & 0x3fffffff;
    known_ = 1;
    return;
  }
  least_us_ = std::min(least_us_, us);
  smoothed_us_ = static_cast<uint32_t>((uint64_t{smoothed_us_} * 7 + us) / 8) & 0x3fffffff;
}

}  // namespace lossgazer
