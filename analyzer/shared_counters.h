// Which packets took the next number of a counter that several flows of one sender use: Windows
// counts the packets to each destination, older systems all they send (RFC 6864, section 4.1). A
// flow alone cannot tell: the numbers its siblings took look like packets that were lost. Knows no
// stream and judges nothing.
#pragma once

#include <array>
#include <cstdint>

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

  // Whether it is after a sibling's.
  static bool take(Table& table, uint64_t hash, const Segment& segment) noexcept;

  std::array<uint64_t, 3> factors_{};
  Table of_pairs_;
  Table of_senders_;
};

}  // namespace lossgazer
