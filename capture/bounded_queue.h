// A bounded queue from threads to one thread. The only place that knows moodycamel's queue. It
// never blocks a producer and never drops: it refuses.
#pragma once

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <type_traits>

namespace lossgazer {

// Any number of producers, each in one thread; exactly one consumer (two would take items in turns
// and so invent reordering). Items of one producer come out in the order they went in.
template <typename Item, size_t kMost>
class BoundedQueue {
 private:
  static_assert(std::is_trivially_copyable_v<Item>);

  // NOLINTBEGIN(readability-identifier-naming): the library's names.
  struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static constexpr size_t BLOCK_SIZE = 256;
    // The backstop for one producer. It counts whole blocks, and the first and last may be in use
    // only in part; try_push() counts items.
    static constexpr size_t MAX_SUBQUEUE_SIZE = kMost + 2 * BLOCK_SIZE;
    // Spinning only pays when the producer is about to push and has a core of its own.
    static constexpr int MAX_SEMA_SPINS = 64;
  };
  // NOLINTEND(readability-identifier-naming)
  using Queue = moodycamel::BlockingConcurrentQueue<Item, Traits>;

 public:
  // Items, of all producers together; producers that push at the same instant may exceed it by a
  // batch each.
  static constexpr size_t kLimit = kMost;

  // One thread's way in. Must not outlive the queue.
  class Producer {
   public:
    explicit Producer(BoundedQueue& queue) : queue_(&queue.queue_), token_(queue.queue_) {}

    // Takes all of `items` or, when they do not all fit, none and returns false.
    [[nodiscard]] bool try_push(std::span<const Item> items) {
      if (items.empty()) return true;
      if (queue_->size_approx() + items.size() > kLimit) return false;
      return queue_->enqueue_bulk(token_, items.begin(), items.size());
    }

   private:
    Queue* queue_;
    moodycamel::ProducerToken token_;
  };

  // Waits for the first item no longer than `timeout`, then takes what is there. Returns how many
  // of `out` were filled.
  [[nodiscard]] size_t pop(std::span<Item> out, std::chrono::microseconds timeout) {
    return queue_.wait_dequeue_bulk_timed(out.begin(), out.size(), timeout.count());
  }

  // Exact once nobody pushes or pops.
  [[nodiscard]] size_t size_approx() const { return queue_.size_approx(); }

 private:
  Queue queue_;
};

}  // namespace lossgazer
