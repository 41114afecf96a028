// The identification numbers of one direction that were left out and not seen yet: the census. A
// number that never comes is a packet lost before the capture point, whatever it carried; one that
// comes is late, and one that is neither here nor new was seen. It is the sliding window of IPsec's
// anti-replay (RFC 4303, section 3.4.3), kept as its zeroes.
#pragma once

#include <cstdint>

#include "analyzer/pool.h"
#include "analyzer/units.h"

namespace lossgazer {

struct IdGap {
  uint32_t first = 0;  // position of the first number, see IdStep
  uint16_t count = 0;
  uint16_t lost = 0;   // of those that never come, so many are this direction's, at most
  CaptureTime since;   // when the packet before the gap was captured ...
  CaptureTime opened;  // ... and the one behind it
  uint32_t next = kNone;
};

// In the order of their opening, which is that of the numbers. Not thread-safe.
class IdGapList {
 public:
  static constexpr uint32_t kMax = 256;
  // A number may come late by no more than this, nor by more than IpIdMode::kHorizon numbers.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  [[nodiscard]] bool empty() const { return gaps_.empty(); }
  [[nodiscard]] uint32_t size() const { return gaps_.size(); }
  [[nodiscard]] bool full() const { return gaps_.size() >= kMax; }
  [[nodiscard]] const IdGap& oldest(const Pool<IdGap>& pool) const { return pool[gaps_.first()]; }
  [[nodiscard]] const IdGap& newest(const Pool<IdGap>& pool) const { return pool[gaps_.last()]; }

  // Whether there was room.
  bool open(Pool<IdGap>& pool, const IdGap& gap);
  // Takes `count` numbers from `first` on out: they came. Returns how many of them were missing.
  uint32_t fill(Pool<IdGap>& pool, uint32_t first, uint32_t count);
  [[nodiscard]] bool contains(const Pool<IdGap>& pool, uint32_t number) const;
  [[nodiscard]] uint32_t missing(const Pool<IdGap>& pool) const;
  // Takes out the oldest gap, which must be there.
  IdGap take_oldest(Pool<IdGap>& pool);
  // Whether the oldest gap's grace is over. `newest`: the position of the newest number.
  [[nodiscard]] bool is_due(const Pool<IdGap>& pool, CaptureTime now, uint32_t newest) const;
  void clear(Pool<IdGap>& pool) { gaps_.clear(pool); }

 private:
  PooledList<IdGap> gaps_;
};

}  // namespace lossgazer
