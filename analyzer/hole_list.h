// The bytes of one direction that were skipped and not seen yet, each with the packet that showed
// the gap: whether what fills it is late or was sent again is told by comparing it with that
// opener.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/pool.h"
#include "analyzer/segment_log.h"
#include "analyzer/segment_size.h"
#include "analyzer/seq_num.h"
#include "analyzer/units.h"

namespace lossgazer {

struct Hole {
  StreamOffset begin;
  StreamOffset end;
  StreamOffset opened_at;  // where it began when it was opened, before any of it was filled
  CopyEvidence opener;
  // Since when the receiver is known to have these bytes all the same.
  std::optional<CaptureTime> held_since{};
  CaptureTime since;      // when the packet before the opener was captured
  bool numbered = false;  // identification numbers are missing with it: see IdGapList
  bool cut_anew = false;  // what filled part of it was nearly as large as a packet can be
  uint32_t next = kNone;
};

// Sorted and disjoint. When there is no room, the lowest hole is forgotten: its bytes count as
// seen, so that a loss before the capture point may be taken for one after it. Not thread-safe.
class HoleList {
 public:
  static constexpr uint32_t kMax = 256;

  [[nodiscard]] bool empty() const { return holes_.empty(); }
  [[nodiscard]] uint32_t first() const { return holes_.first(); }

  void open(Pool<Hole>& pool, StreamOffset begin, StreamOffset end, const CopyEvidence& opener,
            CaptureTime since, bool numbered);

  struct Overlap {
    uint64_t bytes = 0;            // of the range that lie in holes
    const Hole* lowest = nullptr;  // the first hole that the range touches
  };
  [[nodiscard]] Overlap overlap(const Pool<Hole>& pool, StreamOffset begin, StreamOffset end) const;
  // How many of the packets that are missing [begin, end) stands for, which is about to be filled:
  // as they are, or where full ones are cut anew, those that begin in it, so that each is counted
  // once.
  uint64_t count_packets(Pool<Hole>& pool, const SegmentSize& size, StreamOffset begin,
                         StreamOffset end);
  // [begin, end) was seen: no hole holds any of it any more.
  void fill(Pool<Hole>& pool, StreamOffset begin, StreamOffset end);
  // The receiver has [begin, end): notes it where that was not known yet.
  void mark_held(Pool<Hole>& pool, StreamOffset begin, StreamOffset end, CaptureTime now);
  // Closes the holes held for longer than `grace`, or all that are held if there is none. Returns
  // their bytes: the capture's own miss.
  uint64_t close_held(Pool<Hole>& pool, CaptureTime now, std::optional<Duration> grace);
  void clear(Pool<Hole>& pool) { holes_.clear(pool); }

 private:
  // Cuts a hole in two at `edge`; false if there is no room for the upper part.
  [[nodiscard]] bool split(Pool<Hole>& pool, uint32_t number, StreamOffset edge);

  PooledList<Hole> holes_;
};

}  // namespace lossgazer
