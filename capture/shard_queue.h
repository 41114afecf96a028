// The bounded queue that carries segments from the capture threads to one worker. The only place
// that knows moodycamel's queue. It never blocks a producer and never drops: it refuses.
#pragma once

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <chrono>
#include <cstddef>
#include <span>

#include "analyzer/segment.h"

namespace lossgazer {

// Any number of producers, each in one thread; exactly one consumer (two would take segments in
// turns and so invent reordering). Segments of one producer come out in the order they went in.
class ShardQueue {
 private:
  static constexpr size_t kMost = 65'536;

  // NOLINTBEGIN(readability-identifier-naming): the library's names.
  struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static constexpr size_t BLOCK_SIZE = 256;
    // The backstop for one producer. It counts whole blocks, and the first and last may be in use
    // only in part; try_push() counts segments.
    static constexpr size_t MAX_SUBQUEUE_SIZE = kMost + 2 * BLOCK_SIZE;
    // Spinning only pays when the producer is about to push and has a core of its own.
    static constexpr int MAX_SEMA_SPINS = 64;
  };
  // NOLINTEND(readability-identifier-naming)
  using Queue = moodycamel::BlockingConcurrentQueue<Segment, Traits>;

 public:
  // Segments, of all producers together; producers that push at the same instant may exceed it by a
  // batch each.
  static constexpr size_t kLimit = kMost;

  // One thread's way in. Must not outlive the queue.
  class Producer {
   public:
    explicit Producer(ShardQueue& queue) : queue_(&queue.queue_), token_(queue.queue_) {}

    // Takes all of `segments` or, when they do not all fit, none and returns false.
    [[nodiscard]] bool try_push(std::span<const Segment> segments) {
      if (segments.empty()) return true;
      if (queue_->size_approx() + segments.size() > kLimit) return false;
      return queue_->enqueue_bulk(token_, segments.begin(), segments.size());
    }

   private:
    Queue* queue_;
    moodycamel::ProducerToken token_;
  };

  // Waits for the first segment no longer than `timeout`, then takes what is there. Returns how
  // many of `out` were filled.
  [[nodiscard]] size_t pop(std::span<Segment> out, std::chrono::microseconds timeout) {
    return queue_.wait_dequeue_bulk_timed(out.begin(), out.size(), timeout.count());
  }

  // Exact once nobody pushes or pops.
  [[nodiscard]] size_t size_approx() const { return queue_.size_approx(); }

 private:
  Queue queue_;
};

}  // namespace lossgazer
