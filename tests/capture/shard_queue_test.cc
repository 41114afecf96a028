#include "capture/shard_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace lossgazer {
namespace {

using std::chrono::milliseconds;

std::vector<Segment> numbered(uint16_t source, uint64_t first, size_t count) {
  std::vector<Segment> segments(count);
  for (size_t i = 0; i < count; ++i) {
    segments[i].source = source;
    segments[i].frame = first + i;
  }
  return segments;
}

TEST(ShardQueue, RefusesAllOfABatchThatDoesNotFit) {
  ShardQueue queue;
  ShardQueue::Producer producer(queue);
  const auto batch = numbered(0, 0, 250);
  size_t taken = 0;
  while (producer.try_push(batch)) taken += batch.size();
  EXPECT_LE(taken, ShardQueue::kLimit);
  EXPECT_GT(taken, ShardQueue::kLimit - batch.size());
  EXPECT_EQ(queue.size_approx(), taken);

  std::vector<Segment> out(batch.size());
  ASSERT_EQ(queue.pop(out, milliseconds(0)), out.size());
  EXPECT_TRUE(producer.try_push(batch));
  EXPECT_FALSE(producer.try_push(batch));
}

TEST(ShardQueue, LimitHoldsForAllProducersTogether) {
  ShardQueue queue;
  ShardQueue::Producer first(queue);
  ShardQueue::Producer second(queue);
  const auto batch = numbered(0, 0, 256);
  size_t taken = 0;
  while (first.try_push(batch) && second.try_push(batch)) taken += 2 * batch.size();
  EXPECT_LE(taken, ShardQueue::kLimit);
  EXPECT_FALSE(second.try_push(batch));
}

TEST(ShardQueue, WaitsForTheFirstSegmentNoLongerThanTold) {
  ShardQueue queue;
  std::array<Segment, 4> out;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(queue.pop(out, milliseconds(20)), 0U);
  const auto waited = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(waited, milliseconds(19));
  EXPECT_LT(waited, milliseconds(2000));
}

TEST(ShardQueue, KeepsEachProducersOrder) {
  constexpr uint64_t kEach = 20'000;
  constexpr uint16_t kProducers = 2;
  ShardQueue queue;
  std::vector<std::thread> threads;
  for (uint16_t source = 0; source < kProducers; ++source) {
    threads.emplace_back([&queue, source] {
      ShardQueue::Producer producer(queue);
      for (uint64_t sent = 0; sent < kEach; sent += 100) {
        const auto batch = numbered(source, sent, 100);
        while (!producer.try_push(batch)) std::this_thread::yield();
      }
    });
  }
  std::array<uint64_t, kProducers> next{};
  std::vector<Segment> out(256);
  for (uint64_t got = 0; got < kEach * kProducers;) {
    const size_t count = queue.pop(out, milliseconds(5000));
    ASSERT_GT(count, 0U);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(out[i].frame, next[out[i].source]++);
    got += count;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(queue.size_approx(), 0U);
}

}  // namespace
}  // namespace lossgazer
