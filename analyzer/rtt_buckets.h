// The histogram of round-trip times: its bounds, and where a sample belongs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "analyzer/units.h"

namespace lossgazer {

// Immutable once built. Any number of threads may read one.
class RttBuckets {
 public:
  static constexpr size_t kMax = 16;
  // Samples by the first bound that they do not exceed; those beyond the last are in none.
  using Counts = std::array<uint64_t, kMax>;

  RttBuckets() = default;  // none: nothing is counted
  // Upper bounds, inclusive. Throws std::invalid_argument unless they are positive, ascending, and
  // at most kMax.
  explicit RttBuckets(std::span<const Duration> bounds);

  [[nodiscard]] std::span<const Duration> bounds() const { return std::span(bounds_).first(size_); }
  void count(Duration sample, Counts& counts) const noexcept {
    for (size_t i = 0; i < size_; ++i) {
      if (sample > bounds_[i]) continue;
      ++counts[i];
      return;
    }
  }
  bool operator==(const RttBuckets&) const = default;

 private:
  std::array<Duration, kMax> bounds_{};
  size_t size_ = 0;
};

}  // namespace lossgazer
