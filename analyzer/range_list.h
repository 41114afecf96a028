// A bounded, sorted list of disjoint byte ranges: what a receiver says it holds (RFC 2018).
#pragma once

#include "analyzer/pool.h"
#include "analyzer/seq_num.h"

namespace lossgazer {

struct Range {
  StreamOffset begin;
  StreamOffset end;
  uint32_t next = kNone;
};

// Forgets rather than grows: a range that finds no room is dropped, so that bytes are at worst
// thought not to be held. Not thread-safe.
class RangeList {
 public:
  static constexpr uint32_t kMax = 64;

  void add(Pool<Range>& pool, StreamOffset begin, StreamOffset end);
  // Drops what lies below `offset`.
  void trim(Pool<Range>& pool, StreamOffset offset);
  void clear(Pool<Range>& pool) { ranges_.clear(pool); }

  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] bool contains(const Pool<Range>& pool, StreamOffset begin, StreamOffset end) const;
  // Whether anything at or beyond `offset` is held.
  [[nodiscard]] bool any_beyond(const Pool<Range>& pool, StreamOffset offset) const {
    return !empty() && pool[ranges_.last()].end > offset;
  }

 private:
  PooledList<Range> ranges_;
};

}  // namespace lossgazer
