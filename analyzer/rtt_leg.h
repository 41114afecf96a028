// Round trips between the capture point and the receiver of one direction.
#pragma once

#include <cstdint>

#include "analyzer/units.h"

namespace lossgazer {

// The least and the smoothed round-trip time (RFC 6298, section 2), kept to the microsecond.
// Not thread-safe.
class RttLeg {
 public:
  // A negative sample, from packets captured out of order, is taken for zero.
  // `at_once`: the receiver answered without delay, as it does to a SYN or SYN-ACK.
  void add(Duration sample, bool at_once);

  [[nodiscard]] bool known() const { return known_; }
  // The least holds no delayed acknowledgment.
  [[nodiscard]] bool exact() const { return exact_; }
  // Both are zero until a sample was added.
  [[nodiscard]] Duration least() const { return std::chrono::microseconds(least_us_); }
  [[nodiscard]] Duration smoothed() const { return std::chrono::microseconds(smoothed_us_); }

 private:
  uint32_t least_us_ = 0;
  uint32_t smoothed_us_ : 30 = 0;
  uint32_t exact_ : 1 = 0;
  uint32_t known_ : 1 = 0;
};

}  // namespace lossgazer
