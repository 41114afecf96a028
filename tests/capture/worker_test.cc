#include "capture/worker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "analyzer/decode.h"
#include "analyzer/network_set.h"
#include "tests/support/frame_builder.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::FrameBuilder;

constexpr HashKey kSecret{1, 2};

std::shared_ptr<const NetworkSet> local(std::string_view network) {
  return std::make_shared<const NetworkSet>(std::vector{IpPrefix::parse(network).value()});
}

ShardConfig config() {
  ShardConfig config;
  config.secret = kSecret;
  config.local = local("192.0.2.1");
  return config;
}

CaptureTime now() {
  return CaptureTime(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
}

Segment segment(const FrameBuilder& builder) {
  const auto bytes = builder.build();
  Segment segment;
  EXPECT_EQ(decode({.time = now(),
                    .number = 1,
                    .wire_length = static_cast<uint32_t>(bytes.size()),
                    .bytes = bytes},
                   LinkType::kEthernet, kSecret, segment),
            DecodeStatus::kOk);
  return segment;
}

// Sums of the deltas of one source.
struct Sum {
  uint64_t judged = 0;
  uint64_t no_local_end = 0;
  uint64_t packets = 0;

  void add(const ShardDelta& delta) {
    for (const SourceOutcome& outcome : delta.outcomes) {
      judged += outcome.judged;
      no_local_end += outcome.ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)];
    }
    for (const PeerRow& row : delta.peers) {
      packets += row.counters[0].packets + row.counters[1].packets;
    }
  }
};

template <typename Condition>
bool within_a_second(Condition condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(1);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

TEST(Worker, CountsAreHandedOverWithoutAnotherPacket) {
  Worker worker(config(), "test");
  ShardQueue::Producer producer(worker.queue());
  ASSERT_TRUE(producer.try_push(std::vector{segment(FrameBuilder().payload(10))}));
  Sum sum;
  EXPECT_TRUE(within_a_second([&] {
    if (const auto delta = worker.take_delta()) sum.add(*delta);
    return sum.judged == 1;
  }));
  EXPECT_EQ(sum.packets, 1U);
}

TEST(Worker, NothingIsLostWhileNobodyTakesTheCounts) {
  Worker worker(config(), "test");
  Sum sum;
  {
    ShardQueue::Producer producer(worker.queue());
    uint32_t seq = 1;
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(producer.try_push(std::vector{segment(FrameBuilder().seq(seq).payload(10))}));
      seq += 10;
      std::this_thread::sleep_for(milliseconds(120));
    }
  }
  const ShardDelta last = worker.stop();
  if (const auto delta = worker.take_delta()) sum.add(*delta);
  sum.add(last);
  EXPECT_EQ(sum.judged, 5U);
  EXPECT_EQ(sum.packets, 5U);
}

TEST(Worker, StopJudgesWhatIsQueued) {
  Worker worker(config(), "test");
  std::vector<Segment> many;
  for (uint32_t i = 0; i < 20'000; ++i) {
    many.push_back(segment(FrameBuilder().seq(1 + i * 10).payload(10)));
  }
  {
    ShardQueue::Producer producer(worker.queue());
    ASSERT_TRUE(producer.try_push(many));
  }
  Sum sum;
  const ShardDelta last = worker.stop();
  if (const auto delta = worker.take_delta()) sum.add(*delta);
  sum.add(last);
  EXPECT_EQ(sum.judged, many.size());
  EXPECT_EQ(worker.health().queue_packets, 0U);
  EXPECT_EQ(worker.failure(), nullptr);
}

TEST(Worker, TellsEachVerdict) {
  std::vector<Verdict> verdicts;
  Worker worker(config(), "test", nullptr, {},
                [&](const Verdict& verdict) { verdicts.push_back(verdict); });
  {
    ShardQueue::Producer producer(worker.queue());
    ASSERT_TRUE(
        producer.try_push(std::vector{segment(FrameBuilder().seq(1).ip_id(7).payload(10)),
                                      segment(FrameBuilder().seq(11).ip_id(8).payload(10)),
                                      segment(FrameBuilder().seq(1).ip_id(9).payload(10))}));
  }
  (void)worker.stop();
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts.front().kind, VerdictKind::kRetransmission);
  EXPECT_EQ(verdicts.front().seq, SeqNum(1));
}

TEST(Worker, StopsAtOnceWhenIdle) {
  Worker worker(config(), "test");
  const auto begin = steady_clock::now();
  const ShardDelta last = worker.stop();
  EXPECT_LT(steady_clock::now() - begin, milliseconds(500));
  EXPECT_EQ(last.flows, 0U);
}

TEST(Worker, NewLocalAddressesComeIntoForce) {
  Worker worker(config(), "test");
  ShardQueue::Producer producer(worker.queue());
  const auto push = [&](uint16_t port) {
    ASSERT_TRUE(producer.try_push(std::vector{
        segment(FrameBuilder().from("192.0.2.9", port).to("198.51.100.9", 443).payload(10))}));
  };
  Sum sum;
  const auto take = [&] {
    if (const auto delta = worker.take_delta()) sum.add(*delta);
  };
  push(1001);
  EXPECT_TRUE(within_a_second([&] { return take(), sum.no_local_end == 1; }));
  worker.set_local(local("192.0.2.9"));
  uint16_t port = 1002;
  EXPECT_TRUE(within_a_second([&] {
    push(port++);
    take();
    return sum.judged > 0;
  }));
}

// A packet may still be in the ring of a reader that has to wait for its processor.
TEST(Worker, TimeGoesNoFurtherThanTheReaders) {
  GapBoard board;
  CaptureGaps gaps = CaptureGaps::not_told();
  gaps.resume(now());
  gaps.set_known_until(now());
  board.put(0, 0, gaps);
  ShardConfig expiring = config();
  expiring.flows_idle = milliseconds(200);
  Worker worker(expiring, "test", &board);
  ShardQueue::Producer producer(worker.queue());
  ASSERT_TRUE(producer.try_push(std::vector{segment(FrameBuilder().payload(10))}));
  uint64_t expired = 0;
  const auto take = [&] {
    const auto delta = worker.take_delta();
    for (const uint64_t flows : delta ? delta->flows_expired : decltype(delta->flows_expired){}) {
      expired += flows;
    }
  };
  const auto until = steady_clock::now() + milliseconds(700);
  while (steady_clock::now() < until) {
    take();
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_EQ(expired, 0U);
  gaps.set_known_until(now() + std::chrono::hours(1));
  board.put(0, 0, gaps);
  EXPECT_TRUE(within_a_second([&] { return take(), expired == 1; }));
}

TEST(Worker, MeasuresTheTimeItIsBusy) {
  Worker worker(config(), "test");
  ShardQueue::Producer producer(worker.queue());
  const std::vector<Segment> batch(20'000, segment(FrameBuilder().payload(10)));
  ASSERT_TRUE(producer.try_push(batch));
  EXPECT_TRUE(within_a_second([&] { return worker.health().busy > Duration::zero(); }));
}

}  // namespace
}  // namespace lossgazer
