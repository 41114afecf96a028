// What each source may have missed, put up by the capture threads and taken by the workers. It is
// locked for a copy, a few times a second, and never for a packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "analyzer/capture_gaps.h"

namespace lossgazer {

// Any thread may call anything.
class GapBoard {
 public:
  // `source`: Segment::source. `thread`: which of those that read it, from 0.
  void put(uint16_t source, size_t thread, const CaptureGaps& gaps) {
    const std::lock_guard lock(mutex_);
    if (source >= gaps_.size()) gaps_.resize(source + size_t{1});
    std::vector<CaptureGaps>& threads = gaps_[source];
    if (thread >= threads.size()) threads.resize(thread + 1, CaptureGaps::not_told());
    threads[thread] = gaps;
  }
  // Of one thread; CaptureGaps::not_told() if it put up nothing.
  [[nodiscard]] CaptureGaps of(uint16_t source, size_t thread) const {
    const std::lock_guard lock(mutex_);
    if (source >= gaps_.size() || thread >= gaps_[source].size()) return CaptureGaps::not_told();
    return gaps_[source][thread];
  }
  // By source, of all its threads together.
  [[nodiscard]] std::vector<CaptureGaps> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<CaptureGaps> all;
    all.reserve(gaps_.size());
    for (const std::vector<CaptureGaps>& threads : gaps_) {
      all.push_back(threads.empty() ? CaptureGaps::not_told() : threads[0]);
      for (size_t i = 1; i < threads.size(); ++i) all.back().merge(threads[i]);
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<CaptureGaps>> gaps_;  // by source and thread
};

}  // namespace lossgazer
