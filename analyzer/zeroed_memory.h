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

// The same for a table that grows: its addresses are set aside at once and stay, so that an entry
// is found without a look at where its part of the table lies. They cost nothing but where a
// process is limited in addresses (ulimit -v). Not thread-safe.
class GrowingMemory {
 public:
  // `size_max`: bytes that it may grow to. Throws std::bad_alloc if there are no such addresses.
  explicit GrowingMemory(size_t size_max);
  GrowingMemory(const GrowingMemory&) = delete;
  GrowingMemory& operator=(const GrowingMemory&) = delete;

  [[nodiscard]] void* begin() const { return begin_; }
  // The first `size` bytes may be used from now on, and all that could be before; at most
  // `size_max`. Throws std::bad_alloc if there is no room.
  void grow(size_t size);

 private:
  std::unique_ptr<void, ReleaseMemory> memory_;
  std::byte* begin_ = nullptr;
  size_t usable_ = 0;
};

}  // namespace lossgazer
