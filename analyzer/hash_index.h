// Finds an entry's number by its hash: open addressing with linear probing. It grows by doubling,
// and moves a few entries with each that is added: no packet pays for more.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "analyzer/pool.h"
#include "analyzer/zeroed_array.h"

namespace lossgazer {

// Of a hash, only the lower 32 bits count. Not thread-safe.
class HashIndex {
 public:
  HashIndex() = default;

  // The number of the entry with this hash for which `matches(number)` holds, or kNone.
  template <typename Matches>
  [[nodiscard]] uint32_t find(uint64_t hash, Matches matches) const {
    const uint32_t number = find_in(slots_, hash, matches);
    return number != kNone || !is_moving() ? number : find_in(old_, hash, matches);
  }
  // The entry must not be in the index yet. Throws std::bad_alloc, and changes nothing, if there is
  // no room to grow into.
  void insert(uint64_t hash, uint32_t number) {
    assert(number != kNone);
    if (entries_ >= slots_.size() / 2) grow();
    if (is_moving()) move_some();
    put(tag_of(hash) | number);
    ++entries_;
  }
  // The entry must be in the index.
  void erase(uint64_t hash, uint32_t number) {
    --entries_;
    const size_t slot = slot_of(slots_, hash, number);
    if (slots_[slot] != 0) return close(slot);
    old_[slot_of(old_, hash, number)] = kGone;
  }
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_of(slots_)]); }
  // The first entry that may have this hash, to prefetch; kNone if there is none.
  [[nodiscard]] uint32_t likely(uint64_t hash) const {
    return number_in(slots_[hash & mask_of(slots_)]);
  }

 private:
  using Slots = ZeroedArray<uint64_t>;  // a power of two of them

  // A slot holds the low 32 bits of the hash above the entry's number; 0: it is free.
  static constexpr uint64_t kTagMask = 0xffffffff00000000;
  static constexpr uint64_t kGone = kTagMask;  // was in use; no entry's, which is not kNone
  static constexpr size_t kFirstSlots = 1024;
  // All are moved long before the next doubling, which comes after half as many entries as there
  // were slots.
  static constexpr size_t kMovedAtOnce = 8;

  static constexpr uint64_t tag_of(uint64_t hash) { return hash << 32; }
  static constexpr uint32_t number_in(uint64_t slot) { return static_cast<uint32_t>(slot); }
  static size_t mask_of(const Slots& slots) { return slots.size() - 1; }

  template <typename Matches>
  [[nodiscard]] static uint32_t find_in(const Slots& slots, uint64_t hash, Matches& matches) {
    const uint64_t tag = tag_of(hash);
    const size_t mask = mask_of(slots);
    for (size_t i = hash & mask; slots[i] != 0; i = (i + 1) & mask) {
      const uint32_t number = number_in(slots[i]);
      if ((slots[i] & kTagMask) == tag && number != kNone && matches(number)) return number;
    }
    return kNone;
  }

  // The entry's slot; where it is not in these, the free one that ends the search.
  [[nodiscard]] static size_t slot_of(const Slots& slots, uint64_t hash, uint32_t number) {
    const size_t mask = mask_of(slots);
    size_t i = hash & mask;
    while (slots[i] != 0 && number_in(slots[i]) != number) i = (i + 1) & mask;
    return i;
  }

  [[nodiscard]] bool is_moving() const { return moved_ < old_.size(); }
  void grow() {
    while (is_moving()) move_some();
    Slots larger(slots_.size() * 2);
    old_ = std::exchange(slots_, std::move(larger));
    moved_ = 0;
  }
  void move_some() {
    for (size_t i = 0; i < kMovedAtOnce && is_moving(); ++i, ++moved_) {
      if (number_in(old_[moved_]) != kNone) put(std::exchange(old_[moved_], kGone));
    }
    if (is_moving()) return;
    old_ = Slots(0);
    moved_ = 0;
  }
  void put(uint64_t slot) {
    size_t i = (slot >> 32) & mask_of(slots_);
    while (slots_[i] != 0) i = (i + 1) & mask_of(slots_);
    slots_[i] = slot;
  }
  // Entries that were pushed past the hole move back, so that no search stops short of them.
  void close(size_t hole) {
    const size_t mask = mask_of(slots_);
    for (size_t i = (hole + 1) & mask; slots_[i] != 0; i = (i + 1) & mask) {
      const size_t home = (slots_[i] >> 32) & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = 0;
  }

  Slots slots_{kFirstSlots};
  Slots old_{0};  // half as many, while entries are moved from there
  size_t moved_ = 0;
  size_t entries_ = 0;
};

}  // namespace lossgazer
