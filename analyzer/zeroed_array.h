// A fixed array of zeroes whose pages cost no memory until they are written.
#pragma once

#include <cstddef>
#include <type_traits>

#include "analyzer/zeroed_memory.h"

namespace lossgazer {

// It begins at a line of the cache. One that was moved from is not to be used. Not thread-safe.
template <typename T>
class ZeroedArray {
 public:
  // Throws std::bad_alloc if there is no room.
  explicit ZeroedArray(size_t size)
      : memory_(size * sizeof(T)), elements_(static_cast<T*>(memory_.begin())), size_(size) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] T& operator[](size_t i) { return elements_[i]; }
  [[nodiscard]] const T& operator[](size_t i) const { return elements_[i]; }

 private:
  ZeroedMemory memory_;
  T* elements_;
  size_t size_;
};

}  // namespace lossgazer
