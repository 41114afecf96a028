#include "analyzer/rtt_buckets.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace lossgazer {

RttBuckets::RttBuckets(std::span<const Duration> bounds) : size_(bounds.size()) {
  if (bounds.size() > kMax) {
    throw std::invalid_argument("round-trip time buckets: " + std::to_string(bounds.size()) +
                                " are too many; there can be " + std::to_string(kMax));
  }
  Duration least{};
  for (const Duration bound : bounds) {
    if (bound <= least) {
      throw std::invalid_argument(
          "round-trip time buckets: each must be longer than the one before it, and the first "
          "longer than 0");
    }
    least = bound;
  }
  std::ranges::copy(bounds, bounds_.begin());
}

}  // namespace lossgazer
