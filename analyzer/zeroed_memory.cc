#include "analyzer/zeroed_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <tuple>

namespace lossgazer {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kHugePage = size_t{1} << 21;  // what x86-64 and most of ARM call one
// Less than this comes from the heap. Of more, the first huge page is left to small ones: who needs
// no more than that takes no more.
constexpr size_t kMuch = 2 * kHugePage;

void* align(size_t alignment, void* memory, size_t size) {
  size_t space = size + alignment;
  return std::align(alignment, size, memory, space);
}

}  // namespace

ZeroedMemory::ZeroedMemory(size_t size) {
  if (size == 0) return;
  if (size < kMuch) {
    // calloc, because operator new cannot promise zero pages without touching them.
    memory_.reset(std::calloc(size + kLine, 1));
    if (!memory_) throw std::bad_alloc();
    begin_ = align(kLine, memory_.get(), size);
    return;
  }
  const size_t mapped = size + kHugePage;
  void* const memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = {memory, ReleaseMemory{.mapped = mapped}};
  begin_ = align(kHugePage, memory, size);
  // Without them it works, too.
  std::ignore =
      madvise(static_cast<std::byte*>(begin_) + kHugePage, size - kHugePage, MADV_HUGEPAGE);
}

void ReleaseMemory::operator()(void* memory) const {
  if (mapped == 0) {
    std::free(memory);
  } else {
    munmap(memory, mapped);
  }
}

}  // namespace lossgazer
