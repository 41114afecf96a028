// What was captured lately, for all flows of a shard: a ring that forgets the oldest. It says what
// the first copy of a repeated segment looked like. Losing a record loses evidence, never a
// verdict: what is too old to be found is too old to be a network's copy or a late original.
#pragma once

#include <cstddef>
#include <cstdint>

#include "analyzer/segment.h"
#include "analyzer/seq_num.h"
#include "analyzer/units.h"
#include "analyzer/zeroed_array.h"

namespace lossgazer {

// The header fields that tell two copies of the same bytes apart.
struct CopyEvidence {
  CaptureTime time;
  uint64_t frame : 48 = 0;  // its number in `source`
  uint64_t source : 16 = 0;
  uint32_t payload_length : 24 = 0;
  uint32_t tcp_header_length : 8 = 0;
  uint32_t tsval = 0;
  uint32_t tsecr = 0;
  uint32_t ack = 0;
  uint16_t ip_id = 0;
  uint16_t window = 0;
  uint16_t checksum = 0;
  uint16_t bits = 0;  // SegmentBit

  CopyEvidence() = default;
  explicit CopyEvidence(const Segment& segment)
      : time(segment.time),
        frame(segment.frame & ((uint64_t{1} << 48) - 1)),
        source(segment.source),
        payload_length(segment.payload_length & ((1U << 24) - 1)),
        tcp_header_length(segment.tcp_header_length),
        tsval(segment.tsval),
        tsecr(segment.tsecr),
        ack(segment.ack.raw()),
        ip_id(segment.ip_id),
        window(segment.window),
        checksum(segment.checksum),
        bits(segment.bits) {}
  [[nodiscard]] bool has(SegmentBit bit) const { return (bits & bit) != 0; }
  [[nodiscard]] uint8_t clock() const { return static_cast<uint8_t>(bits >> kClockShift); }
  // Whether both are of the same captured packet.
  [[nodiscard]] bool is_of(const CopyEvidence& packet) const {
    return frame == packet.frame && source == packet.source;
  }
};
static_assert(sizeof(CopyEvidence) <= 40, "there are many");

struct SegmentRecord {
  StreamOffset begin;
  CopyEvidence copy;
  uint32_t length = 0;  // sequence numbers

  [[nodiscard]] StreamOffset end() const { return begin + length; }

 private:
  friend class SegmentLog;
  uint32_t owner_ = 0;
  uint32_t previous_ = 0;  // the same owner's record before this one
  uint32_t landmark_ = 0;  // the last one before this that has a multiple of kStride before it
};
static_assert(sizeof(SegmentRecord) == 64, "a line of the cache");

// Where one direction's records are: what a new one is linked to.
struct LogPosition {
  uint32_t newest = 0;  // 0: it has none
  uint32_t landmark = 0;
  uint32_t count = 0;
};

// Not thread-safe.
class SegmentLog {
 public:
  // `capacity` is a power of two.
  explicit SegmentLog(size_t capacity);

  // Records [begin, end), which must lie beyond all that `owner` recorded before at `position`,
  // and moves that on.
  void append(uint32_t owner, LogPosition& position, StreamOffset begin, StreamOffset end,
              const Segment& segment);
  // The record that holds `offset`, if it is still there. Valid until the next append. Looks at a
  // bounded number of records, which reaches back some ten thousand segments of the owner.
  [[nodiscard]] const SegmentRecord* find(uint32_t owner, const LogPosition& position,
                                          StreamOffset offset) const;
  // The owner's newest record of what was captured at `time` or before, likewise.
  [[nodiscard]] const SegmentRecord* newest_until(uint32_t owner, const LogPosition& position,
                                                  CaptureTime time) const;

 private:
  static constexpr uint32_t kStride = 32;
  static constexpr int kHopsMax = 512;
  static constexpr uint32_t kPrefetchAhead = 4;

  [[nodiscard]] const SegmentRecord* at(uint32_t owner, uint32_t number) const;
  // The newest record that `is_later` does not hold for; it holds for all after that.
  template <typename Later>
  [[nodiscard]] const SegmentRecord* last_not(uint32_t owner, uint32_t newest,
                                              Later is_later) const;

  uint32_t mask_;
  uint32_t head_ = 0;  // the newest record's number
  ZeroedArray<SegmentRecord> records_;
};

}  // namespace lossgazer
