// A fixed array of zeroes whose pages cost no memory until they are written.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace lossgazer {

// It begins at a line of the cache. One that was moved from
// is not to be used. Not thread-safe.
template <typename T>
class ZeroedArray {
 public:
  // Throws std::bad_alloc if there is no room.
  explicit ZeroedArray(size_t size) : size_(size) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kLine);
    if (size == 0) return;
    // calloc, because operator new cannot promise zero pages without touching them.
    size_t space = size * sizeof(T) + kLine;
    memory_.reset(std::calloc(space, 1));
    if (!memory_) throw std::bad_alloc();
    void* begin = memory_.get();
    elements_ = static_cast<T*>(std::align(kLine, size * sizeof(T), begin, space));
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] T& operator[](size_t i) { return elements_[i]; }
  [[nodiscard]] const T& operator[](size_t i) const { return elements_[i]; }

 private:
  static constexpr size_t kLine = 64;

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  T* elements_ = nullptr;
  size_t size_;
};

}  // namespace lossgazer
