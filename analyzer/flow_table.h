// The flows of a shard, found by their key; bounded.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "analyzer/flow.h"
#include "analyzer/hash_index.h"
#include "analyzer/pool.h"
#include "analyzer/segment.h"

namespace lossgazer {

// A flow's number stays the same for as long as the flow is here. Those that are no connection, not
// yet or no longer, stand in a queue: they are the first to go. Not thread-safe.
class FlowTable {
 public:
  // A flow's number and one bit more fit 32.
  static constexpr uint32_t kMost = (uint32_t{1} << 31) - 1;

  // `flows_max`: at most kMost.
  explicit FlowTable(size_t flows_max) : places_(flows_max) { assert(flows_max <= kMost); }

  // The number of the segment's flow, or kNone.
  [[nodiscard]] uint32_t find(const Segment& segment) const {
    return index_.find(segment.hash,
                       [&](uint32_t number) { return places_[number].flow.key() == segment.key; });
  }
  // Adds the segment's flow, which must not be here. Returns its number, or kNone if there is no
  // room.
  uint32_t insert(const Segment& segment, uint32_t row, Sender first_sender, bool has_direction);
  void erase(uint32_t number);
  // One of the two is to be called after each packet that the flow judged, the first one too:
  // note_heard() if it was predicted.
  void note_heard(uint32_t number) noexcept { places_[number].heard = 1; }
  void note_packet(uint32_t number) noexcept {
    note_heard(number);
    const bool queued = is_queued(number);
    if (queued != places_[number].flow.connected()) return;
    if (queued) {
      unlink(number);
    } else {
      enqueue(number);
    }
  }
  // The flow that makes room for another at `now`. The longest in the queue goes, but for those
  // heard of since: they stand at its end again, so that a packet pays for that. Where all are
  // connections, among some, always others, the one that was silent for the longest; kNone if even
  // that spoke lately: it would soon be back, and drive another out. Looks at a bounded number.
  [[nodiscard]] uint32_t eviction_candidate(CaptureTime now);
  // The next flow of an endless round over all of them; kNone for a place without one. A round
  // takes places() calls.
  [[nodiscard]] uint32_t next_place();
  [[nodiscard]] size_t places() const { return places_.highest(); }

  [[nodiscard]] Flow& operator[](uint32_t number) { return places_[number].flow; }
  [[nodiscard]] size_t size() const { return places_.used(); }
  [[nodiscard]] size_t flows_max() const { return places_.entries_max(); }
  // Bring what find() will touch into the cache: first the index, later the flow.
  void prefetch_index(const Segment& segment) const { index_.prefetch(segment.hash); }
  void prefetch_flow(const Segment& segment) const;
  // Its peer's row, if that flow was brought here; may be another's, and kNone.
  [[nodiscard]] uint32_t likely_row(const Segment& segment) const {
    const uint32_t number = index_.likely(segment.hash);
    return number == kNone ? kNone : places_[number].flow.row();
  }

 private:
  struct Place {
    Flow flow;
    uint32_t previous : 31 = kNone;  // in the queue
    uint32_t used : 1 = 0;           // there is a flow
    uint32_t next : 31 = kNone;
    uint32_t heard : 1 = 0;  // since it was put at the queue's end
  };
  static_assert(sizeof(Place) <= 288, "there are many");

  [[nodiscard]] bool is_queued(uint32_t number) const {
    return places_[number].previous != kNone || queue_first_ == number;
  }
  void enqueue(uint32_t number) noexcept;
  void unlink(uint32_t number) noexcept;

  Pool<Place> places_;
  HashIndex index_;
  uint32_t queue_first_ = kNone;
  uint32_t queue_last_ = kNone;
  uint32_t hand_ = 0;
};

}  // namespace lossgazer
