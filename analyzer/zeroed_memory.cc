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

std::byte* align(size_t alignment, void* memory, size_t size) {
  size_t space = size + alignment;
  return static_cast<std::byte*>(std::align(alignment, size, memory, space));
}

// What begins at a huge page: all but the first comes in huge ones. Without them it works, too.
void ask_for_huge_pages(std::byte* begin, size_t size) {
  std::ignore = madvise(begin + kHugePage, size - kHugePage, MADV_HUGEPAGE);
}

// Begins at any page.
std::unique_ptr<void, ReleaseMemory> map(size_t size, int protection) {
  void* const memory =
      mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return {memory, ReleaseMemory{.mapped = size}};
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
  memory_ = map(size + kHugePage, PROT_READ | PROT_WRITE);
  std::byte* const begin = align(kHugePage, memory_.get(), size);
  ask_for_huge_pages(begin, size);
  begin_ = begin;
}

GrowingMemory::GrowingMemory(size_t size_max) {
  // Whole huge pages, so that all may be made usable in steps of one; and one, to begin at one.
  const size_t size = (size_max / kHugePage + 1) * kHugePage;
  memory_ = map(size + kHugePage, PROT_NONE);
  begin_ = align(kHugePage, memory_.get(), size);
  ask_for_huge_pages(begin_, size);
}

// Few steps: each splits and joins what the kernel knows of the mapping.
void GrowingMemory::grow(size_t size) {
  if (size <= usable_) return;
  const size_t usable = (size + kHugePage - 1) / kHugePage * kHugePage;
  if (mprotect(begin_, usable, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  usable_ = usable;
}

void ReleaseMemory::operator()(void* memory) const {
  if (mapped == 0) {
    std::free(memory);
  } else {
    munmap(memory, mapped);
  }
}

}  // namespace lossgazer
