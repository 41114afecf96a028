// A fixed array of zeroes whose pages cost no memory until they are written.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace lossgazer {

// Not thread-safe.
template <typename T>
class ZeroedArray {
 public:
  // Throws std::bad_alloc if there is no room.
  explicit ZeroedArray(size_t size)
      // calloc, because operator new cannot promise zero pages without touching them.
      : elements_(static_cast<T*>(std::calloc(size, sizeof(T)))) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!elements_) throw std::bad_alloc();
  }
  [[nodiscard]] T& operator[](size_t i) { return elements_[i]; }
  [[nodiscard]] const T& operator[](size_t i) const { return elements_[i]; }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T[], Free> elements_;
};

}  // namespace lossgazer
