// What each source may have missed, put up by the capture threads and taken by the workers. It is
// locked for a copy, a few times a second, and never for a packet.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "analyzer/capture_gaps.h"

namespace lossgazer {

// Any thread may call anything.
class GapBoard {
 public:
  // `source`: Segment::source.
  void put(uint16_t source, const CaptureGaps& gaps) {
    const std::lock_guard lock(mutex_);
    if (source >= gaps_.size()) gaps_.resize(source + size_t{1}, CaptureGaps::not_told());
    gaps_[source] = gaps;
  }
  // Of one source; CaptureGaps::not_told() if nothing was put up.
  [[nodiscard]] CaptureGaps of(uint16_t source) const {
    const std::lock_guard lock(mutex_);
    return source < gaps_.size() ? gaps_[source] : CaptureGaps::not_told();
  }
  [[nodiscard]] std::vector<CaptureGaps> all() const {
    const std::lock_guard lock(mutex_);
    return gaps_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<CaptureGaps> gaps_;  // by source
};

}  // namespace lossgazer
