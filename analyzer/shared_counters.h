// Which packets took the next number of a counter that several flows of one sender use: Windows
// counts the packets to each destination, older systems all they send (RFC 6864, section 4.1). A
// flow alone cannot tell: the numbers its siblings took look like packets that were lost. Knows no
// stream and judges nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "analyzer/keyed_hash.h"
#include "analyzer/segment.h"
#include "analyzer/zeroed_array.h"

namespace lossgazer {

// Remembers, for each pair of sender and destination and for each sender alone, the last number
// seen and the flow it was of. Fed with all TCP packets of one source, before they are shared out
// among workers. Not thread-safe.
class SharedCounters {
 public:
  // Throws std::bad_alloc if there is no room.
  explicit SharedCounters(HashKey secret);

  // Sets kAfterSibling if the last packet of the same counter was another flow's and had one of the
  // up to kLargestStep numbers before this one's, as they are or with their bytes swapped. Only
  // IPv4 numbers other than 0 count.
  //
  // Errs towards a counter of one's own: what a super-packet took is not followed, and packets may
  // be lost or overtaken. The other way, two flows with counters of their own (Linux) come as close
  // by chance in 8 of 65,536 alternations, 4 for each byte order. That matters only to a packet
  // that also left out numbers itself.
  void mark(Segment& segment) noexcept;
  // The same within the next calls, when what it looks at has come into the cache. The segment must
  // stay in its place until mark_waiting().
  void mark_soon(Segment& segment) noexcept;
  // Marks those that still wait.
  void mark_waiting() noexcept;

 private:
  static constexpr int kLargestStep = 4;
  // Direct-mapped: a sender that meets another one's entry takes it over, and evidence is lost.
  static constexpr int kIndexBits = 12;

  struct Last {
    uint32_t tag = 0;
    uint16_t ip_id = 0;  // 0: nothing was seen
    uint16_t flow = 0;   // part of its hash
  };
  static_assert(sizeof(Last) == 8);
  using Table = ZeroedArray<Last>;

  // Their upper bits are places in the tables.
  struct Hashes {
    uint64_t pair = 0;
    uint64_t sender = 0;
  };
  struct Waiting {
    Segment* segment = nullptr;  // null: nothing waits there
    Hashes hashes;
  };
  static constexpr size_t kWaiting = 4;

  // None if the segment has no number.
  [[nodiscard]] std::optional<Hashes> hashes_of(const Segment& segment) const noexcept;

  [[nodiscard]] static size_t place_of(uint64_t hash) { return hash >> (64 - kIndexBits); }
  void mark(Segment& segment, const Hashes& hashes) noexcept;
  // Whether it is after a sibling's.
  static bool take(Table& table, uint64_t hash, const Segment& segment) noexcept;

  std::array<uint64_t, 3> factors_{};
  Table of_pairs_;
  Table of_senders_;
  std::array<Waiting, kWaiting> waiting_;  // a ring
  size_t turn_ = 0;                        // of the oldest in it
};

}  // namespace lossgazer
