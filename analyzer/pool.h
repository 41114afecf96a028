// A bounded store of equal-sized entries, addressed by number. Memory comes in chunks as it is
// first needed, each twice as large as the one before, and is kept, so that nothing is allocated
// for a packet once the traffic was met before.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "analyzer/zeroed_memory.h"

namespace lossgazer {

// The number of no entry.
inline constexpr uint32_t kNone = 0;

// Not thread-safe.
template <typename T>
class Pool {
 public:
  explicit Pool(size_t entries_max) : entries_max_(entries_max) {}

  // A fresh entry's number, or kNone if all are taken (counted in refused()).
  [[nodiscard]] uint32_t acquire() {
    if (free_.empty() && !grow()) {
      ++refused_;
      return kNone;
    }
    const uint32_t number = free_.back();
    free_.pop_back();
    (*this)[number] = T{};
    ++used_;
    return number;
  }
  void release(uint32_t number) {
    assert(number != kNone && used_ > 0);
    free_.push_back(number);
    --used_;
  }
  [[nodiscard]] T& operator[](uint32_t number) {
    assert(number != kNone && number <= created_);
    return *place_of(number);
  }
  [[nodiscard]] const T& operator[](uint32_t number) const {
    assert(number != kNone && number <= created_);
    return *place_of(number);
  }
  [[nodiscard]] size_t used() const { return used_; }
  [[nodiscard]] size_t entries_max() const { return entries_max_; }
  // The highest number ever given out: what a sweep over all entries has to visit.
  [[nodiscard]] uint32_t highest() const { return created_; }
  // How often there was no room: here, or, as told by refuse(), in a part of it that has a limit.
  [[nodiscard]] uint64_t refused() const { return refused_; }
  void refuse() { ++refused_; }
  // More than three quarters are taken.
  [[nodiscard]] bool crowded() const { return used_ > entries_max_ / 4 * 3; }

 private:
  // Entries are made so many at once; the first chunk has as many.
  static constexpr uint32_t kAtOnce = 256;
  static constexpr uint32_t kAtOnceBits = 8;
  static_assert(kAtOnce == 1 << kAtOnceBits && std::is_trivially_destructible_v<T>);

  // From kAtOnce, entries are counted by chunks: each begins at a power of two.
  [[nodiscard]] static uint64_t count_of(uint32_t number) { return uint64_t{number} + kAtOnce - 1; }
  [[nodiscard]] static size_t chunk_of(uint32_t number) {
    return static_cast<size_t>(std::bit_width(count_of(number) >> kAtOnceBits) - 1);
  }
  [[nodiscard]] T* place_of(uint32_t number) const {
    const size_t chunk = chunk_of(number);
    return begins_[chunk] + (count_of(number) - (uint64_t{kAtOnce} << chunk));
  }

  bool grow() {
    if (created_ >= entries_max_) return false;
    const size_t chunk = chunk_of(created_ + 1);
    if (chunk == chunks_.size()) {
      const size_t size = std::min<size_t>(size_t{kAtOnce} << chunk, entries_max_ - created_);
      begins_[chunk] = static_cast<T*>(chunks_.emplace_back(size * sizeof(T)).begin());
    }
    const auto more = static_cast<uint32_t>(std::min<size_t>(kAtOnce, entries_max_ - created_));
    std::uninitialized_value_construct_n(place_of(created_ + 1), more);
    for (uint32_t i = more; i > 0; --i) free_.push_back(created_ + i);
    created_ += more;
    return true;
  }

  size_t entries_max_;
  size_t used_ = 0;
  uint64_t refused_ = 0;
  uint32_t created_ = 0;
  std::vector<ZeroedMemory> chunks_;
  std::array<T*, 32 - kAtOnceBits + 1> begins_{};  // of each chunk
  std::vector<uint32_t> free_;
};

// A singly linked list of pool entries that have a member `uint32_t next`. It owns them: whoever
// drops one clears it first.
template <typename T>
class PooledList {
 public:
  [[nodiscard]] bool empty() const { return head_ == kNone; }
  [[nodiscard]] uint32_t first() const { return head_; }
  [[nodiscard]] uint32_t last() const { return tail_; }
  [[nodiscard]] uint32_t size() const { return size_; }

  // Puts a fresh entry after `previous`, or first if that is kNone. Nothing if the pool is empty.
  [[nodiscard]] T* insert_after(Pool<T>& pool, uint32_t previous) {
    const uint32_t number = pool.acquire();
    if (number == kNone) return nullptr;
    T& entry = pool[number];
    uint32_t& link = previous == kNone ? head_ : pool[previous].next;
    entry.next = link;
    link = number;
    if (tail_ == previous) tail_ = number;
    ++size_;
    return &entry;
  }
  [[nodiscard]] T* push_back(Pool<T>& pool) { return insert_after(pool, tail_); }

  // Drops the entry that follows `previous` (kNone: the first one).
  void erase_after(Pool<T>& pool, uint32_t previous) {
    uint32_t& link = previous == kNone ? head_ : pool[previous].next;
    const uint32_t number = link;
    link = pool[number].next;
    if (tail_ == number) tail_ = previous;
    pool.release(number);
    --size_;
  }
  void clear(Pool<T>& pool) {
    while (!empty()) erase_after(pool, kNone);
  }

 private:
  uint32_t head_ = kNone;
  uint32_t tail_ = kNone;
  uint32_t size_ = 0;
};

}  // namespace lossgazer
