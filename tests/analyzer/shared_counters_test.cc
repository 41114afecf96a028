// Whether another flow of the same host takes numbers of the same counter.

#include "analyzer/shared_counters.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "analyzer/keyed_hash.h"

namespace lossgazer::test {
namespace {

uint16_t swapped(int value) { return static_cast<uint16_t>((value & 255) << 8 | value >> 8); }

// One flow's packet, as a capture thread decodes it.
struct Sent {
  uint32_t sender = 0xc6336407;
  uint32_t receiver = 0xc0000201;
  uint16_t port = 40000;
  uint16_t ip_id = 0;
  uint32_t encapsulation = 0;
  bool numbered = true;
};

bool is_after_sibling(SharedCounters& counters, const Sent& sent) {
  const Endpoint sender{IpAddress::v4(sent.sender), 443};
  const Endpoint receiver{IpAddress::v4(sent.receiver), sent.port};
  Segment segment;
  segment.key = FlowKey::between(sender, receiver, sent.encapsulation);
  segment.hash = hash_of({3, 4}, segment.key);
  segment.ip_id = sent.ip_id;
  segment.bits = sent.numbered ? kHasIpId : 0;
  if (segment.key.end(Sender::kHigh) == sender) {
    segment.bits = static_cast<uint16_t>(segment.bits | kFromHigh);
  }
  const uint16_t before = segment.bits;
  counters.mark(segment);
  EXPECT_EQ(segment.bits & ~kAfterSibling, before);
  return segment.has(kAfterSibling);
}

TEST(SharedCounter, MarkedSoonIsMarkedTheSame) {
  SharedCounters at_once({3, 4});
  SharedCounters soon({3, 4});
  std::array<Segment, 100> segments;
  std::array<uint16_t, 100> expected{};
  for (size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = segments[i];
    const Endpoint sender{IpAddress::v4(0xc0000201), 443};
    const Endpoint receiver{IpAddress::v4(0xc6336401), static_cast<uint16_t>(40000 + i % 3)};
    segment.key = FlowKey::between(sender, receiver, 0);
    segment.hash = hash_of({3, 4}, segment.key);
    segment.ip_id = static_cast<uint16_t>(100 + i + i / 7 * 50);
    segment.bits = i % 5 == 0 ? 0 : kHasIpId;
    Segment marked = segment;
    at_once.mark(marked);
    expected[i] = marked.bits;
    soon.mark_soon(segment);
    if (i % 11 == 0) soon.mark_waiting();
  }
  soon.mark_waiting();
  int siblings = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    EXPECT_EQ(segments[i].bits, expected[i]) << i;
    if (segments[i].has(kAfterSibling)) ++siblings;
  }
  EXPECT_GT(siblings, 20);
}

TEST(SharedCounter, NextNumberOfAnotherFlowIsAfterASibling) {
  SharedCounters counters({3, 4});
  EXPECT_FALSE(is_after_sibling(counters, {.ip_id = 100}));
  EXPECT_TRUE(is_after_sibling(counters, {.port = 40001, .ip_id = 101}));
  EXPECT_TRUE(is_after_sibling(counters, {.ip_id = 105})) << "some may be lost";
  EXPECT_FALSE(is_after_sibling(counters, {.port = 40001, .ip_id = 110}));
  EXPECT_FALSE(is_after_sibling(counters, {.ip_id = 110}));
  EXPECT_FALSE(is_after_sibling(counters, {.port = 40001, .ip_id = 109})) << "overtaken";
}

TEST(SharedCounter, NextNumberOfTheSameFlowIsItsOwn) {
  SharedCounters counters({3, 4});
  is_after_sibling(counters, {.port = 40001, .ip_id = 100});
  is_after_sibling(counters, {.ip_id = 5000});
  EXPECT_FALSE(is_after_sibling(counters, {.ip_id = 5001}));
  EXPECT_FALSE(is_after_sibling(counters, {.port = 40001, .ip_id = 101}));
}

TEST(SharedCounter, BytesMayBeSwapped) {
  SharedCounters counters({3, 4});
  is_after_sibling(counters, {.ip_id = swapped(0x10ff)});
  EXPECT_TRUE(is_after_sibling(counters, {.port = 40001, .ip_id = swapped(0x1100)}));
}

TEST(SharedCounter, CounterGoesRoundAndZeroIsNone) {
  SharedCounters counters({3, 4});
  EXPECT_FALSE(is_after_sibling(counters, {.ip_id = 3})) << "nothing was seen before";
  is_after_sibling(counters, {.ip_id = 65535});
  EXPECT_FALSE(is_after_sibling(counters, {.port = 40001, .ip_id = 0}));
  EXPECT_TRUE(is_after_sibling(counters, {.port = 40001, .ip_id = 1}));
  EXPECT_FALSE(is_after_sibling(counters, {.ip_id = 2, .numbered = false}));
}

TEST(SharedCounter, OneCounterForAllDestinationsOrOneForEach) {
  SharedCounters counters({3, 4});
  is_after_sibling(counters, {.receiver = 0xc0000201, .ip_id = 100});
  EXPECT_TRUE(is_after_sibling(counters, {.receiver = 0xc0000202, .ip_id = 101}));
  // Each destination's own: another one comes in between.
  is_after_sibling(counters, {.receiver = 0xc0000201, .ip_id = 102});
  is_after_sibling(counters, {.receiver = 0xc0000202, .ip_id = 7000});
  EXPECT_TRUE(is_after_sibling(counters, {.receiver = 0xc0000201, .port = 40001, .ip_id = 103}));
}

TEST(SharedCounter, OtherSendersAndOtherNetworksAreApart) {
  SharedCounters counters({3, 4});
  is_after_sibling(counters, {.ip_id = 100});
  EXPECT_FALSE(is_after_sibling(counters, {.sender = 0xc6336408, .ip_id = 101}));
  EXPECT_FALSE(is_after_sibling(counters, {.port = 40001, .ip_id = 101, .encapsulation = 5}));
  EXPECT_TRUE(is_after_sibling(counters, {.port = 40001, .ip_id = 101}));
}

// More senders than there is room for: evidence is lost, and none is made up.
TEST(SharedCounter, SendersThatMeetInTheTableAreNotTakenForOneAnother) {
  SharedCounters counters({3, 4});
  int siblings = 0;
  for (uint32_t i = 0; i < 100'000; ++i) {
    const uint32_t sender = 0x0a000000 + i;
    siblings += is_after_sibling(counters, {.sender = sender, .ip_id = static_cast<uint16_t>(i)});
  }
  EXPECT_EQ(siblings, 0);
}

}  // namespace
}  // namespace lossgazer::test
