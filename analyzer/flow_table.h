// The flows of a shard, found by their key; bounded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "analyzer/flow.h"
#include "analyzer/hash_index.h"
#include "analyzer/pool.h"
#include "analyzer/segment.h"

namespace lossgazer {

// A flow's number stays the same for as long as the flow is here. Not thread-safe.
class FlowTable {
 public:
  explicit FlowTable(size_t flows_max) : flows_(flows_max), index_(flows_max) {}

  // The number of the segment's flow, or kNone.
  [[nodiscard]] uint32_t find(const Segment& segment) const {
    return index_.find(segment.hash,
                       [&](uint32_t number) { return flows_[number].key() == segment.key; });
  }
  // Adds the segment's flow, which must not be here. Returns its number, or kNone if there is no
  // room.
  uint32_t insert(const Segment& segment, uint32_t row, Sender first_sender, bool has_direction);
  void erase(uint32_t number);
  // Among some flows, always others, the one that was silent for the longest; kNone if there is
  // none.
  [[nodiscard]] uint32_t eviction_candidate();
  // The next flow of an endless round over all of them; kNone for a place without one. A round
  // takes places() calls.
  [[nodiscard]] uint32_t next_place();
  [[nodiscard]] size_t places() const { return flows_.highest(); }

  [[nodiscard]] Flow& operator[](uint32_t number) { return flows_[number]; }
  [[nodiscard]] size_t size() const { return flows_.used(); }
  [[nodiscard]] size_t flows_max() const { return flows_.entries_max(); }
  // Bring what find() will touch into the cache: first the index, later the flow.
  void prefetch_index(const Segment& segment) const { index_.prefetch(segment.hash); }
  void prefetch_flow(const Segment& segment) const;

 private:
  Pool<Flow> flows_;
  HashIndex index_;
  uint32_t hand_ = 0;
};

}  // namespace lossgazer
