#include "analyzer/rtt_buckets.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <vector>

#include "tests/support/conversation.h"

namespace lossgazer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

RttBuckets buckets(const std::vector<Duration>& bounds) { return RttBuckets(bounds); }

TEST(RttBuckets, SampleBelongsToTheFirstBoundItDoesNotExceed) {
  RttBuckets::Counts counts{};
  const RttBuckets two = buckets({1ms, 5ms});
  for (const Duration sample :
       {Duration(0), Duration(1ms), Duration(1ms + 1ns), Duration(5ms), Duration(6ms)}) {
    two.count(sample, counts);
  }
  EXPECT_EQ(counts[0], 2u);
  EXPECT_EQ(counts[1], 2u);
  EXPECT_EQ(counts[2], 0u);
}

TEST(RttBuckets, WithoutBoundsNothingIsCounted) {
  RttBuckets::Counts counts{};
  RttBuckets().count(1ms, counts);
  EXPECT_EQ(counts, RttBuckets::Counts{});
}

TEST(RttBuckets, BadBoundsAreRefused) {
  EXPECT_THAT(
      [] {
        buckets({5ms, 5ms});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("longer than the one before")));
  EXPECT_THROW(buckets({0ms}), std::invalid_argument);
  EXPECT_THAT([] { buckets(std::vector<Duration>(17, 1ms)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("17 are too many; there can be 16")));
}

TEST(RttBuckets, AFlowsSamplesAreCounted) {
  ShardConfig config;
  config.local =
      std::make_shared<const NetworkSet>(std::vector{IpPrefix::parse("192.0.2.1").value()});
  config.rtt_buckets = buckets({10ms, 30ms});
  test::Conversation story(std::move(config));
  story.handshake(20ms);
  story.us({.at = 100ms, .length = 100}).peer({.at = 105ms, .ack = 101});
  EXPECT_EQ(story.egress().rtt_count, 2u);
  EXPECT_EQ(story.egress().rtt_buckets[0], 1u);
  EXPECT_EQ(story.egress().rtt_buckets[1], 1u);
}

}  // namespace
}  // namespace lossgazer
