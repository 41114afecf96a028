// Memory for tables: zeroes that cost nothing until they are touched.
#pragma once

#include <cstddef>
#include <memory>

namespace lossgazer {

struct ReleaseMemory {
  size_t mapped = 0;  // 0: it is the heap's
  void operator()(void* memory) const;
};

// It begins at a line of the cache. Where there is much of it, all but its beginning comes in huge
// pages if the system has some: a table that is looked up at random finds its pages sooner. One
// that was moved from has none. Not thread-safe.
class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  // Throws std::bad_alloc if there is no room.
  explicit ZeroedMemory(size_t size);

  [[nodiscard]] void* begin() const { return begin_; }

 private:
  std::unique_ptr<void, ReleaseMemory> memory_;
  void* begin_ = nullptr;
};

}  // namespace lossgazer
