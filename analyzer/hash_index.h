// Finds an entry's number by its hash: open addressing with linear probing. It never grows, so no
// packet pays for a rehash, and its untouched pages cost no memory.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "analyzer/pool.h"
#include "analyzer/zeroed_array.h"

namespace lossgazer {

// Holds at most the number of entries it was made for. Not thread-safe.
class HashIndex {
 public:
  explicit HashIndex(size_t entries_max)
      : mask_(std::bit_ceil(entries_max * 2 + 2) - 1), slots_(mask_ + 1) {}

  // The number of the entry with this hash for which `matches(number)` holds, or kNone.
  template <typename Matches>
  [[nodiscard]] uint32_t find(uint64_t hash, Matches matches) const {
    const uint64_t tag = tag_of(hash);
    for (size_t i = hash & mask_; slots_[i] != 0; i = (i + 1) & mask_) {
      if ((slots_[i] & kTagMask) == tag && matches(number_in(slots_[i]))) {
        return number_in(slots_[i]);
      }
    }
    return kNone;
  }
  // The entry must not be in the index yet.
  void insert(uint64_t hash, uint32_t number) {
    assert(number != kNone);
    size_t i = hash & mask_;
    while (slots_[i] != 0) i = (i + 1) & mask_;
    slots_[i] = tag_of(hash) | number;
  }
  // The entry must be in the index.
  void erase(uint64_t hash, uint32_t number) {
    size_t hole = hash & mask_;
    while (number_in(slots_[hole]) != number) hole = (hole + 1) & mask_;
    // Entries that were pushed past the hole move back, so that no search stops short of them.
    for (size_t i = (hole + 1) & mask_; slots_[i] != 0; i = (i + 1) & mask_) {
      const size_t home = (slots_[i] >> 32) & mask_;
      if (((i - home) & mask_) >= ((i - hole) & mask_)) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = 0;
  }
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  // The first entry that may have this hash, to prefetch; kNone if there is none.
  [[nodiscard]] uint32_t likely(uint64_t hash) const { return number_in(slots_[hash & mask_]); }

 private:
  // A slot holds the low 32 bits of the hash above the entry's number.
  static constexpr uint64_t kTagMask = 0xffffffff00000000;
  static constexpr uint64_t tag_of(uint64_t hash) { return hash << 32; }
  static constexpr uint32_t number_in(uint64_t slot) { return static_cast<uint32_t>(slot); }

  size_t mask_;
  ZeroedArray<uint64_t> slots_;
};

}  // namespace lossgazer
