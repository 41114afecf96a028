// The clock that stamps packets is set while they come: flows live on, nothing is lost by it, and
// nothing waits for ever.

#include <gmock/gmock.h>

#include <vector>

#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;
// Where time would be without the step: all below is told by the clock that was not set.
constexpr Duration kStep = 10s;

// A live shard whose clock is set by `by` once, `when` into the story.
class LiveStory {
 public:
  LiveStory(Duration by, Duration when) : by_(by), when_(when), story_(config()) {}

  // Packets, and the ticks that came before them.
  LiveStory& us(Packet packet) {
    story_.us(stamped(packet));
    return *this;
  }
  LiveStory& peer(Packet packet) {
    story_.peer(stamped(packet));
    return *this;
  }
  LiveStory& handshake() {
    us({.seq = 0, .ack = 0, .flags = kSyn, .mss = 1460});
    peer({.at = 20ms, .seq = 0, .ack = 1, .flags = kSyn | kAck, .mss = 1460});
    return us({.at = 20ms, .seq = 1, .ack = 1});
  }
  LiveStory& tick(Duration until) {
    for (; ticked_ + 100ms <= until; ticked_ += 100ms) {
      story_.tick(stamp(ticked_ + 100ms));
    }
    return *this;
  }
  Conversation& story() { return story_; }

 private:
  static ShardConfig config() {
    ShardConfig config = Conversation::usual_config();
    config.ticked = true;
    config.rtt_buckets = RttBuckets(std::vector<Duration>{1ms});
    return config;
  }
  [[nodiscard]] Duration stamp(Duration at) const { return at < when_ ? at : at + by_; }
  Packet stamped(Packet packet) {
    tick(packet.at);
    packet.at = stamp(packet.at);
    return packet;
  }

  Duration by_;
  Duration when_;
  Duration ticked_{};
  Conversation story_;
};

// Before NTP has its say, after it did, on a host that woke up, and all too late.
class ClockSet : public testing::TestWithParam<Duration> {};
INSTANTIATE_TEST_SUITE_P(By, ClockSet,
                         testing::Values(Duration(-24h * 365 * 40), Duration(-24h), Duration(-1h),
                                         Duration(-11s), Duration(-5s), Duration(-1500ms),
                                         Duration(0s), Duration(1500ms), Duration(5s),
                                         Duration(11s), Duration(1h), Duration(24h),
                                         Duration(24h * 365 * 40)));

TEST_P(ClockSet, FlowsLiveOnAndNothingIsLost) {
  LiveStory told(GetParam(), kStep);
  told.handshake();
  for (uint32_t i = 0; i < 2000; ++i) {
    const Duration at = 1s + i * 10ms;
    told.peer({.at = at, .seq = 1 + i * kMss, .length = kMss, .tsval = 100 + 10 * i});
    told.us(
        {.at = at + 1ms, .ack = 1 + (i + 1) * kMss, .tsval = 7 + 10 * i, .tsecr = 100 + 10 * i});
  }
  told.tick(3min);
  const ShardDelta delta = told.story().shard().drain();
  EXPECT_EQ(delta.flows_expired[static_cast<size_t>(FlowExpiry::kIdle)], 1u)
      << "two minutes after its last packet, and not before";
  ASSERT_EQ(delta.peers.size(), 1u);
  EXPECT_THAT(told.story().verdicts(), IsEmpty());
  LossCounters sum = delta.peers[0].counters[1];
  EXPECT_EQ(sum.data_segments, 2001u);
  EXPECT_EQ(sum.unseen_bytes, 0u);
  EXPECT_EQ(sum.lost_packets, LossCounters{}.lost_packets);
  EXPECT_EQ(delta.peers[0].counters[0].connections[0], 1u);
}

// No flow is idle because the clock was set, and all are two minutes after their last packets.
TEST_P(ClockSet, NoStormOfExpiriesAndNoneKeptForEver) {
  LiveStory told(GetParam(), kStep);
  for (uint16_t i = 0; i < 100; ++i) {
    told.us({.at = 5s, .seq = 1, .length = kMss, .connection = i});
  }
  told.tick(2min);
  EXPECT_EQ(told.story().shard().drain().flows, 100u);
  told.tick(2min + 40s);
  EXPECT_EQ(told.story().shard().drain().flows, 0u);
}

// What waits for its fate when the clock is set, and what comes to wait just after it.
TEST_P(ClockSet, PendingFatesAreDecidedInTheirTime) {
  for (const Duration when : {9500ms, 10500ms}) {
    LiveStory told(GetParam(), kStep);
    told.handshake();
    told.us({.at = when - 300ms, .seq = 1, .length = kMss, .tsval = 100});
    told.us({.at = when, .seq = 1, .length = kMss, .tsval = 400});
    told.tick(when + 800ms);
    if (GetParam() <= 0s) {
      EXPECT_EQ(told.story().egress().unanswered_segments, 0u) << "too soon to say";
    }
    told.tick(when + 10s);
    EXPECT_EQ(told.story().egress().unanswered_segments, 1u);
    EXPECT_EQ(told.story().egress().lost_packets, LossCounters{}.lost_packets);
    told.peer({.at = when + 10s, .ack = 1001, .tsval = 9, .tsecr = 400});
    told.tick(when + 25s);
    EXPECT_EQ(told.story().egress().lost(Side::kAfter, LossMethod::kSequence), 1u);
  }
}

// The peer's last word came before the step, and so before what it did not answer.
TEST_P(ClockSet, PeerThatFellSilentLosesNothing) {
  LiveStory told(GetParam(), kStep);
  told.handshake();
  told.us({.at = 9990ms, .seq = 1, .length = kMss, .tsval = 100});
  told.peer({.at = 9995ms, .ack = 1001, .tsval = 9, .tsecr = 100});
  for (uint32_t i = 0; i < 5; ++i) {
    told.us({.at = 10100ms + i * 300ms, .seq = 1001, .length = kMss, .tsval = 210 + 300 * i});
  }
  told.tick(1min);
  EXPECT_EQ(told.story().egress().unanswered_segments, 4u);
  EXPECT_EQ(told.story().egress().lost_packets, LossCounters{}.lost_packets);
}

TEST_P(ClockSet, RoundTripsAreThoseOfThePath) {
  LiveStory told(GetParam(), kStep + 3ms);
  told.handshake();
  for (uint32_t i = 0; i < 200; ++i) {
    const Duration at = 9s + i * 10ms;
    told.us({.at = at, .seq = 1 + i * kMss, .length = kMss, .tsval = 100 + 10 * i});
    told.peer({.at = at + 5ms, .ack = 1 + (i + 1) * kMss, .tsval = 9 + i, .tsecr = 100 + 10 * i});
  }
  const LossCounters& egress = told.story().egress();
  const auto mean = egress.rtt_sum / static_cast<int64_t>(egress.rtt_count);
  EXPECT_GE(egress.rtt_count, 199u);
  EXPECT_EQ(egress.rtt_buckets[0], 0u) << "none is as short as a millisecond";
  // One that was measured across a small step forwards cannot be told from a long one.
  EXPECT_LE(mean, GetParam() > 0s && GetParam() < 10s ? 40ms : 6ms);
}

TEST_P(ClockSet, MissingNumbersAreCountedOnce) {
  LiveStory told(GetParam(), kStep);
  told.handshake();
  uint16_t id = 1;
  for (uint32_t i = 0; i < 200; ++i) {
    if (i == 80 || i == 120) ++id;  // a pure ACK of the peer's was lost, before the step and after
    const Duration at = 9s + i * 10ms;
    told.us({.at = at, .seq = 1 + i * kMss, .length = kMss});
    told.peer({.at = at + 5ms, .ack = 1 + (i + 1) * kMss, .ip_id = id++});
  }
  told.tick(3min);
  EXPECT_LE(told.story().ingress().lost(Side::kBefore, LossMethod::kCensus), 2u);
  EXPECT_GE(told.story().ingress().lost(Side::kBefore, LossMethod::kCensus), 1u);
}

// Two interfaces' packets, stamped before and after, come to the shard mixed.
TEST_P(ClockSet, PacketsFromBeforeAndAfterMayMix) {
  Conversation story([] {
    ShardConfig config = Conversation::usual_config();
    config.ticked = true;
    return config;
  }());
  story.handshake();
  for (uint32_t i = 0; i < 1000; ++i) {
    const Duration at = 30ms + i * 1ms;
    const Duration by = i > 300 && (i > 600 || i % 2 == 0) ? GetParam() : Duration();
    story.peer({.at = at + by, .seq = 1 + i * kMss, .length = kMss});
    story.us({.at = at + by + 100us, .ack = 1 + (i + 1) * kMss});
  }
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().data_segments, 1001u);
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
  EXPECT_THAT(story.shard().drain().flows_expired, ElementsAre(0, 0, 0));
}

// A loss is told of with the time that its packet was stamped with.
TEST(Clock, VerdictsBearTheStamps) {
  LiveStory told(-1h, kStep);
  told.handshake();
  told.us({.at = 11s, .seq = 1, .length = kMss, .tsval = 100});
  told.us({.at = 12s, .seq = 1, .length = kMss, .tsval = 400});
  ASSERT_EQ(told.story().raw_verdicts().size(), 1u);
  const Verdict& verdict = told.story().raw_verdicts()[0];
  EXPECT_EQ(verdict.time, Conversation::kStart + 12s - 1h);
}

// peer > us: a gap, then the clock is set back, and the gap is filled: what our own drops would say
// of that is not known any more.
TEST(Clock, WhatWaitsWhenTheClockIsSetMayHaveBeenOurOwnMiss) {
  for (const bool set : {false, true}) {
    LiveStory told(set ? Duration(-1h) : Duration(), kStep);
    const auto tell_gaps = [&](Duration now) {
      CaptureGaps gaps = CaptureGaps::not_told();
      gaps.resume(Conversation::kStart - 2h);
      gaps.set_known_until(Conversation::kStart + now + (set && now >= kStep ? -1h : 0h));
      told.story().shard().set_capture_gaps({gaps});
    };
    tell_gaps(9s);
    told.handshake();
    told.peer({.at = 9900ms, .seq = 1, .length = kMss, .tsval = 100});
    told.peer({.at = 9901ms, .seq = 2001, .length = kMss, .tsval = 100});
    told.peer({.at = 10100ms, .seq = 1001, .length = kMss, .tsval = 300});
    told.us({.at = 10101ms, .ack = 3001});
    tell_gaps(20s);
    told.tick(20s);
    EXPECT_EQ(told.story().ingress().lost(Side::kBefore, LossMethod::kSequence), set ? 0u : 1u);
    // And of what came since, it is known again.
    told.peer({.at = 20100ms, .seq = 3001, .length = kMss, .tsval = 10300});
    told.peer({.at = 20101ms, .seq = 5001, .length = kMss, .tsval = 10300});
    told.peer({.at = 20300ms, .seq = 4001, .length = kMss, .tsval = 10500});
    told.us({.at = 20301ms, .ack = 6001});
    tell_gaps(30s);
    told.tick(30s);
    EXPECT_EQ(told.story().ingress().lost(Side::kBefore, LossMethod::kSequence), set ? 1u : 2u);
  }
}

// A file, from 1970 on, from 2038 on, and up to the last stamp there is.
TEST(Clock, StoriesAreTheSameInAnyYear) {
  for (const CaptureTime start : {CaptureTime(), CaptureTime(2'147'483'647s),
                                  CaptureTime(4'294'967'290s), kLatestStamp - 15s, kLatestStamp}) {
    const Duration shift = start - Conversation::kStart;
    Conversation story;
    story.us({.at = shift, .seq = 0, .ack = 0, .flags = kSyn, .mss = 1460});
    story.peer({.at = shift + 20ms, .seq = 0, .ack = 1, .flags = kSyn | kAck, .mss = 1460});
    story.us({.at = shift + 20ms, .seq = 1, .ack = 1});
    story.us({.at = shift + 30ms, .seq = 1, .length = kMss, .tsval = 100});
    story.tick(shift + 200ms);
    story.us({.at = shift + 280ms, .seq = 1, .length = kMss, .tsval = 350});
    story.peer({.at = shift + 300ms, .ack = 1001, .tsval = 9, .tsecr = 350});
    story.tick(shift + 10s);
    if (start < kLatestStamp) {
      EXPECT_EQ(story.egress().lost(Side::kAfter, LossMethod::kSequence), 1u);
    }
    story.tick(shift + 14s).finish();
    EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission after tsval"));
    EXPECT_EQ(story.egress().lost(Side::kAfter, LossMethod::kSequence), 1u);
    EXPECT_EQ(story.egress().connections[0], 1u);
  }
}

}  // namespace
}  // namespace lossgazer::test
