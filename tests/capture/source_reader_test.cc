// What a capture thread may have missed, by its own account, against what it was sent.

#include "capture/source_reader.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "capture/drop_watch.h"
#include "tests/capture/network_namespace.h"
#include "tests/support/frame_builder.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::FrameBuilder;

CaptureTime now() { return ClockReading::now().wall; }

void make_wire() {
  test::ip("link add lgcap0 type veth peer name lgcap1");
  for (const std::string end : {"lgcap0", "lgcap1"}) {
    test::ip("link set dev " + end + " addrgenmode none up");
  }
}

template <typename Condition>
bool soon(Condition condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

// A reader on one end of a wire, frames into the other, and nobody who empties the queue.
class Wire {
 public:
  explicit Wire(uint64_t buffer_bytes = uint64_t{2} << 20) : buffer_bytes_(buffer_bytes) {
    make_wire();
    injector_ = std::make_unique<test::FrameInjector>("lgcap1");
  }

  void open() {
    std::vector<PcapSource> sources =
        PcapSource::open_live({.interface = "lgcap0", .buffer_bytes = buffer_bytes_});
    reader_ = std::make_unique<SourceReader>(
        std::move(sources.front()),
        SourceReaderConfig{
            .name = "test", .queues = {&queue_}, .board = &board_, .secret = HashKey{1, 2}});
  }
  // Sends one frame, the next in order, and remembers when.
  void send() {
    Sent sent;
    sent.before = now();
    injector_->send(FrameBuilder().seq(static_cast<uint32_t>(sent_.size())).payload(100).build());
    sent.after = now();
    sent_.push_back(sent);
  }
  // Takes all that is in the queue.
  void take() {
    std::vector<Segment> batch(4096);
    while (const size_t count = queue_.pop(batch, std::chrono::microseconds(0))) {
      for (size_t i = 0; i < count; ++i) sent_.at(batch[i].seq.raw()).captured = true;
    }
  }
  // Every frame is read, refused or dropped, and the counters that say so are.
  [[nodiscard]] bool settled() const {
    const SourceCounts counts = reader_->counts();
    return counts.packets + counts.kernel_drops == sent_.size() && gaps().known(sent_.back().after);
  }
  struct Truth {
    size_t missed = 0;
    size_t missed_outside = 0;  // of them, those that no window covers
  };
  [[nodiscard]] Truth truth() const {
    Truth truth;
    for (const Sent& sent : sent_) {
      if (sent.captured) continue;
      ++truth.missed;
      if (!gaps().may_have_missed(sent.before, sent.after)) ++truth.missed_outside;
    }
    return truth;
  }
  [[nodiscard]] CaptureGaps gaps() const { return board_.of(0, 0); }
  [[nodiscard]] SourceReader& reader() { return *reader_; }

 private:
  struct Sent {
    CaptureTime before;
    CaptureTime after;
    bool captured = false;
  };

  const uint64_t buffer_bytes_;
  std::unique_ptr<test::FrameInjector> injector_;
  std::vector<Sent> sent_;
  GapBoard board_;
  ShardQueue queue_;
  std::unique_ptr<SourceReader> reader_;
};

// Makes the threads begun while it lives get the calling thread's core only when nobody wants it.
class Starved {
 public:
  Starved() {
    ::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(::sched_getcpu()), &one);
    ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one);
    set(SCHED_IDLE);
  }
  ~Starved() { ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_); }
  Starved(const Starved&) = delete;
  Starved& operator=(const Starved&) = delete;

  // The calling thread itself wants it from now on.
  static void feed_self() { set(SCHED_OTHER); }

 private:
  static void set(int policy) {
    const sched_param none{};
    ASSERT_EQ(::pthread_setschedparam(::pthread_self(), policy, &none), 0);
  }

  cpu_set_t before_{};
};

TEST(SourceReader, CleanRunHasNoWindow) {
  if (!test::in_new_namespace([] {
        Wire wire;
        wire.open();
        const CaptureTime begin = now();
        for (int i = 0; i < 1000; ++i) {
          wire.send();
          if (i % 50 == 0) std::this_thread::sleep_for(milliseconds(20));
        }
        ASSERT_TRUE(soon([&] { return wire.settled(); }));
        wire.take();
        EXPECT_EQ(wire.truth().missed, 0U);
        EXPECT_EQ(wire.gaps().windows(), 1U) << "the time before it was opened";
        EXPECT_FALSE(wire.gaps().may_have_missed(begin, wire.gaps().known_until()));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(SourceReader, QuietInterfaceIsKnownToBeQuiet) {
  if (!test::in_new_namespace([] {
        Wire wire;
        wire.open();
        const CaptureTime opened = now();
        for (int i = 1; i <= 3; ++i) {
          const CaptureTime time = now();
          EXPECT_TRUE(soon([&] { return wire.gaps().known(time); }));
        }
        EXPECT_FALSE(wire.gaps().may_have_missed(opened, wire.gaps().known_until()));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(SourceReader, WindowsCoverAllThatTheRingDropped) {
  if (!test::in_new_namespace([] {
        Wire wire(uint64_t{256} << 10);
        CaptureTime clean_end;
        CaptureTime clean_begin;
        {
          const Starved reader;
          wire.open();
          Starved::feed_self();
          clean_begin = now();
          // Longer than what keeps two windows apart.
          std::this_thread::sleep_for(2 * CaptureGaps::kMergeWithin);
          for (int i = 0; i < 100; ++i) wire.send();
          ASSERT_TRUE(soon([&] { return wire.settled(); }));
          clean_end = wire.gaps().known_until();
          for (int i = 0; i < 50'000; ++i) wire.send();
        }
        ASSERT_TRUE(soon([&] { return wire.settled(); }));
        wire.take();
        const Wire::Truth truth = wire.truth();
        EXPECT_GT(truth.missed, 0U);
        EXPECT_EQ(truth.missed, wire.reader().counts().kernel_drops);
        EXPECT_EQ(truth.missed_outside, 0U);
        EXPECT_FALSE(wire.gaps().may_have_missed(clean_begin, clean_end - milliseconds(1)))
            << "what was known to be clean stays so";
        const CaptureTime after = now() + DropWatch::kStampToCount;
        ASSERT_TRUE(soon([&] { return wire.gaps().known(after); }));
        EXPECT_FALSE(wire.gaps().may_have_missed(after, after)) << "it is over";
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(SourceReader, WindowsCoverAllThatAQueueRefused) {
  if (!test::in_new_namespace([] {
        Wire wire(uint64_t{64} << 20);
        wire.open();
        const CaptureTime begin = now();
        for (size_t i = 0; i < 20'000; ++i) wire.send();
        const CaptureTime clean_end = now();
        std::this_thread::sleep_for(milliseconds(50));
        for (size_t i = 20'000; i < ShardQueue::kLimit + 5'000; ++i) wire.send();
        ASSERT_TRUE(soon([&] { return wire.settled(); }));
        wire.take();
        const SourceCounts counts = wire.reader().counts();
        const Wire::Truth truth = wire.truth();
        EXPECT_GT(counts.queue_drops, 0U);
        EXPECT_EQ(truth.missed, counts.queue_drops + counts.kernel_drops);
        EXPECT_EQ(truth.missed_outside, 0U);
        if (counts.kernel_drops == 0) {
          EXPECT_FALSE(wire.gaps().may_have_missed(begin, clean_end));
        }
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(SourceReader, TimeTheInterfaceWasGoneIsAWindow) {
  if (!test::in_new_namespace([] {
        Wire wire;
        wire.open();
        const CaptureTime opened = now();
        ASSERT_TRUE(soon([&] { return wire.gaps().known(opened + milliseconds(300)); }));
        test::ip("link del dev lgcap0");
        ASSERT_TRUE(soon([&] { return wire.reader().ended(); }));
        const CaptureTime gone = now();
        EXPECT_TRUE(wire.gaps().known(gone + std::chrono::hours(1)));
        EXPECT_TRUE(wire.gaps().may_have_missed(gone, gone));
        make_wire();
        wire.open();
        const CaptureTime back = now();
        EXPECT_FALSE(wire.gaps().known(back));
        ASSERT_TRUE(soon([&] { return wire.gaps().known(back); }));
        EXPECT_TRUE(wire.gaps().may_have_missed(gone, gone));
        EXPECT_FALSE(wire.gaps().may_have_missed(back, back));
        EXPECT_FALSE(wire.gaps().may_have_missed(opened, opened));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

}  // namespace
}  // namespace lossgazer
