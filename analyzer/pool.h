// A bounded store of equal-sized entries, addressed by number. Memory comes as it is first needed,
// and is kept, so that nothing is allocated for a packet once the traffic was met before.
#pragma once

#include <algorithm>
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
  explicit Pool(size_t entries_max)
      : entries_max_(entries_max),
        memory_((entries_max + 1) * sizeof(T)),
        entries_(static_cast<T*>(memory_.begin())) {}

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
    return entries_[number];
  }
  [[nodiscard]] const T& operator[](uint32_t number) const {
    assert(number != kNone && number <= created_);
    return entries_[number];
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
  static constexpr size_t kAtOnce = 256;  // so many entries are made
  static_assert(std::is_trivially_destructible_v<T>);

  bool grow() {
    const auto more = static_cast<uint32_t>(std::min(kAtOnce, entries_max_ - created_));
    if (more == 0) return false;
    memory_.grow((size_t{created_} + more + 1) * sizeof(T));
    std::uninitialized_value_construct_n(entries_ + created_ + 1, more);
    for (uint32_t i = more; i > 0; --i) free_.push_back(created_ + i);
    created_ += more;
    return true;
  }

  size_t entries_max_;
  size_t used_ = 0;
  uint64_t refused_ = 0;
  uint32_t created_ = 0;
  GrowingMemory memory_;
  T* entries_;  // from 1 on: none is kNone's
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
