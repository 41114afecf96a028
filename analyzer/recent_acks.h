// The acknowledgments without data that were captured lately, for all flows of a shard whose
// packets bear no identification numbers (IPv6): tells a copy that the network made of one. It
// forgets soon, and may forget at any time: a copy is then at worst not told.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/segment.h"
#include "analyzer/units.h"
#include "analyzer/zeroed_array.h"

namespace lossgazer {

// Not thread-safe.
class RecentAcks {
 public:
  // When the same header passed, if that was within the last 50 ms, and remembers this one.
  // `segment` bears a timestamp: within its tick, a sender has two things to say only if they
  // differ, or if it was told the same twice.
  [[nodiscard]] std::optional<CaptureTime> seen(const Segment& segment);

 private:
  static constexpr uint64_t kEntries = 1 << 14;
  struct Entry {
    uint64_t fingerprint;
    int64_t time;
  };
  ZeroedArray<Entry> entries_{kEntries};
};

}  // namespace lossgazer
