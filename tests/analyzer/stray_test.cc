// What does not fit the known stream: one stray segment changes nothing,
// several that fit one another are the stream itself, met again elsewhere.

#include <gmock/gmock.h>

#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;
constexpr uint32_t kGiB = 1U << 30;

uint64_t lost(const LossCounters& counters) {
  return counters.lost(Side::kBefore, LossMethod::kSequence) +
         counters.lost(Side::kAfter, LossMethod::kSequence);
}

// The peer sends `count` segments from `seq` on, 1 ms apart, and we acknowledge
// each.
void transfer(Conversation& story, Duration at, uint32_t seq, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i, seq += kMss) {
    story.peer({.at = at + i * 1ms, .seq = seq, .length = kMss});
    story.us({.at = at + i * 1ms + 10us, .ack = seq + kMss});
  }
}

// A segment is lost before the tap and sent again: found only where the stream
// is known.
void lose_one(Conversation& story, Duration at, uint32_t seq) {
  story.peer({.at = at, .seq = seq + kMss, .length = kMss});
  story.us({.at = at, .ack = seq, .sack = {{seq + kMss, seq + 2 * kMss}}});
  story.peer({.at = at + 40ms, .seq = seq, .length = kMss});
  story.us({.at = at + 40ms, .ack = seq + 2 * kMss});
}

class Stall : public testing::TestWithParam<uint32_t> {};

// The capture missed so much that sequence numbers alone cannot tell how much.
TEST_P(Stall, StreamIsFollowedFromWhereItIsMetAgain) {
  const uint32_t far = GetParam();
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  transfer(story, 10s, far, 10);
  EXPECT_THAT(story.verdicts(), IsEmpty());
  lose_one(story, 11s, far + 10 * kMss);
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer " + std::to_string(far + 10 * kMss) +
                                            " retransmission before sack_above"));
  EXPECT_EQ(lost(story.ingress()), 1u);
  EXPECT_EQ(lost(story.egress()), 0u);
}

INSTANTIATE_TEST_SUITE_P(Anywhere, Stall,
                         testing::Values(kGiB / 2, kGiB + kGiB / 2, 2 * kGiB, 2 * kGiB + kGiB / 2,
                                         3 * kGiB + kGiB / 2));

TEST(Strays, SkippedBytesOfAShortStallAreUnseen) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  transfer(story, 10s, kGiB / 2, 10);
  story.finish();
  EXPECT_EQ(story.ingress().unseen_bytes, kGiB / 2 - 10001u);
}

TEST(Strays, OneDirectionAloneIsFollowedToo) {
  Conversation data;
  for (uint32_t i = 0; i < 10; ++i) {
    data.peer({.at = i * 1ms, .seq = 1 + i * kMss, .length = kMss});
  }
  for (uint32_t i = 0; i < 10; ++i) {
    data.peer({.at = 10s + i * 1ms, .seq = 2 * kGiB + i * kMss, .length = kMss});
  }
  data.peer({.at = 11s, .seq = 2 * kGiB + 9 * kMss, .length = kMss, .tsval = 5}).finish();
  EXPECT_EQ(data.ingress().retransmitted_segments, 1u);
  EXPECT_EQ(data.ingress().unanswered_segments, 1u);
  EXPECT_EQ(lost(data.ingress()), 0u);

  // Only what acknowledges the peer's data is seen, then the data too.
  Conversation acks;
  acks.handshake();
  for (uint32_t i = 0; i < 6; ++i) {
    acks.us({.at = 10s + i * 1ms, .ack = 2 * kGiB + i * kMss});
  }
  transfer(acks, 11s, 2 * kGiB + 5 * kMss, 10);
  lose_one(acks, 12s, 2 * kGiB + 15 * kMss);
  acks.finish();
  EXPECT_EQ(lost(acks.ingress()), 1u);
}

class OneStray : public testing::TestWithParam<uint32_t> {};

// A blind attacker's guess, or what another connection on the same ports left
// in the network.
TEST_P(OneStray, SegmentChangesNothing) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  story.peer({.at = 50ms, .seq = GetParam(), .length = kMss});
  transfer(story, 60ms, 10001, 10);
  lose_one(story, 1s, 20001);
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 20001 retransmission before sack_above"));
  EXPECT_EQ(lost(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

TEST_P(OneStray, AcknowledgmentChangesNothing) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  story.us({.at = 50ms, .ack = GetParam()});
  transfer(story, 60ms, 10001, 10);
  lose_one(story, 1s, 20001);
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 20001 retransmission before sack_above"));
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

INSTANTIATE_TEST_SUITE_P(Anywhere, OneStray,
                         testing::Values(kGiB / 2, kGiB + kGiB / 2, 2 * kGiB, 2 * kGiB + kGiB / 2,
                                         3 * kGiB + kGiB / 2));

// It goes on being answered as what is known would be: its bytes are nobody's.
TEST(Strays, BlindAttackThatTheReceiverDoesNotAcknowledgeChangesNothing) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  for (uint32_t i = 0; i < 20; ++i) {
    story.peer({.at = 50ms + i * 1ms, .seq = 2 * kGiB + i * kMss, .length = kMss});
    story.us({.at = 50ms + i * 1ms + 10us, .ack = 10001});
  }
  transfer(story, 100ms, 10001, 3);
  lose_one(story, 1s, 13001);
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 13001 retransmission before sack_above"));
}

TEST(Strays, RepeatsOfOneStrayProveNothing) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  for (uint32_t i = 0; i < 8; ++i) {
    story.peer({.at = 50ms + i * 1s, .seq = 2 * kGiB, .length = kMss});
  }
  transfer(story, 9s, 10001, 1);
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

TEST(Strays, TimestampOfAStrayIsNotTheSendersNewest) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 31ms, .seq = 2 * kGiB, .length = kMss, .tsval = kGiB});
  story.peer({.at = 50ms, .ack = 1001, .tsval = 7, .tsecr = 100});
  story.us({.at = 60ms, .seq = 1001, .length = kMss, .tsval = 200});
  story.us({.at = 60ms, .seq = 2001, .length = kMss, .tsval = 201});
  story.peer({.at = 80ms, .ack = 3001, .tsval = 8, .tsecr = 200}).finish();
  EXPECT_EQ(story.egress().rtt_count, 3u) << "the handshake and two echoes";
}

// Only acknowledgments showed where the stream is now: its first segment is the base, wherever it
// begins.
TEST(Strays, FirstSegmentAfterAcknowledgmentsAloneIsInOrder) {
  Conversation story;
  story.handshake();
  for (uint32_t i = 0; i < 6; ++i) {
    story.us({.at = 10s + i * 1ms, .ack = 2 * kGiB + i * kMss});
  }
  story.peer({.at = 11s, .seq = 2 * kGiB + 4500, .length = kMss});
  story.us({.at = 11s, .ack = 2 * kGiB + 5500}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

// What waits for its fate when the stream is met elsewhere was never answered,
// as far as is known.
TEST(Strays, PendingRepeatsAreDecidedWithoutLoss) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 280ms, .seq = 1, .length = kMss, .tsval = 350});
  for (uint32_t i = 0; i < 5; ++i) {
    story.us({.at = 400ms + i * 1ms, .seq = 2 * kGiB + i * kMss, .length = kMss, .tsval = 900});
    story.peer({.at = 410ms + i * 1ms, .ack = 2 * kGiB + (i + 1) * kMss});
  }
  EXPECT_EQ(story.egress().unanswered_segments, 1u);
  story.finish();
  EXPECT_EQ(lost(story.egress()), 0u);
}

// A retransmission may lie further back than any capture stall where the path
// holds so much.
TEST(Strays, HoleAtTheFarEndOfALargeWindowIsStillFilled) {
  constexpr uint32_t kPiece = 1U << 16;
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 1);
  const uint32_t begin = 1001 + kMss;
  for (uint32_t i = 0; i < 600; ++i) {
    story.peer({.at = 40ms + i * 10us, .seq = begin + i * kPiece, .length = kPiece});
  }
  story.us({.at = 50ms, .ack = 1001, .sack = {{begin, begin + 600 * kPiece}}});
  story.peer({.at = 80ms, .seq = 1001, .length = kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1001 retransmission before sack_above"));
}

TEST(Strays, ForeignStrayDoesNotOccupyTheFlowForEver) {
  Conversation story;
  story.handshake();
  story.peer({.at = 50ms, .seq = 2 * kGiB, .length = kMss});
  story.tick(70s);
  for (uint32_t i = 1; i < 4; ++i) {
    story.peer({.at = 71s + i * 1ms, .seq = 2 * kGiB + i * kMss, .length = kMss});
  }
  transfer(story, 72s, 1, 2);
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

// us, in a handshake > peer: SYN. The peer still knows the last connection and
// challenges it.
TEST(Challenge, AcknowledgmentOfALastConnectionMovesNothing) {
  for (const uint32_t foreign : {5000U, 2 * kGiB, 0U - 5000U}) {
    Conversation story;
    story.us({.seq = 0, .ack = 0, .flags = kSyn});
    story.peer({.at = 20ms, .seq = 777, .ack = foreign});
    story.us({.at = 21ms, .seq = foreign, .flags = kRst});
    story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn});
    story.peer({.at = 1020ms, .seq = 0, .flags = kSyn | kAck});
    story.us({.at = 1021ms});
    story.us({.at = 1022ms, .seq = 1, .length = kMss});
    story.peer({.at = 1040ms, .ack = 1001}).finish();
    EXPECT_THAT(story.verdicts(), ElementsAre("us 0 retransmission seen_before"));
    EXPECT_EQ(lost(story.egress()), 0u) << "the challenge shows that the SYN arrived";
    EXPECT_EQ(story.egress().unseen_bytes, 0u);
    EXPECT_EQ(story.egress().handshake_retransmissions[0], 1u);
    EXPECT_THAT(story.egress().connections, ElementsAre(1, 0, 0));
  }
}

// A blind attacker's SYN cannot be told from a reuse of the ports until the
// stream goes on.
TEST(Challenge, StreamGoesOnAfterAForgedSyn) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  story.peer({.at = 50ms, .seq = 2 * kGiB, .ack = 0, .flags = kSyn});
  story.us({.at = 50ms, .ack = 10001});
  transfer(story, 60ms, 10001, 10);
  lose_one(story, 1s, 20001);
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 20001 retransmission before sack_above"));
  EXPECT_EQ(lost(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

// Both ends go on with numbers of their own, far from the last connection's.
TEST(Strays, PortsUsedAgainWithoutASynAreANewStreamOfEachEnd) {
  Conversation story;
  story.handshake();
  transfer(story, 30ms, 1, 10);
  story.us({.at = 50ms, .seq = 1, .length = kMss, .ack = 10001});
  story.peer({.at = 70ms, .seq = 10001, .ack = 1001});
  for (uint32_t i = 0; i < 5; ++i) {
    const uint32_t sent = i * kMss;
    story.us({.at = 5s + i * 2ms, .seq = 2 * kGiB + sent, .length = kMss, .ack = 3 * kGiB + sent});
    story.peer({.at = 5s + i * 2ms + 1ms,
                .seq = 3 * kGiB + sent,
                .length = kMss,
                .ack = 2 * kGiB + sent + kMss});
  }
  EXPECT_THAT(story.verdicts(), IsEmpty());
  story.us({.at = 6s, .seq = 2 * kGiB + 4 * kMss, .length = kMss, .ack = 3 * kGiB + 5 * kMss});
  story.peer({.at = 7s, .seq = 3 * kGiB + 4 * kMss, .length = kMss, .ack = 2 * kGiB + 5 * kMss});
  story.finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 2147487648 spurious_retransmission acknowledged",
                          "peer 3221229472 spurious_retransmission acknowledged"));
  EXPECT_EQ(story.egress().unseen_bytes + story.ingress().unseen_bytes, 0u);
}

TEST(Challenge, LateAcknowledgmentDoesNotCloseTheWindow) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001});
  story.peer({.at = 51ms, .ack = 1, .window = 0});
  story.us({.at = 5s, .seq = 1000}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1000 keep_alive acknowledged"));
}

}  // namespace
}  // namespace lossgazer::test
