// Which repeats were needless, and by what evidence.

#include <gmock/gmock.h>

#include "analyzer/repeat_list.h"
#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;

uint64_t lost(const LossCounters& counters, Side side) {
  return counters.lost(side, LossMethod::kSequence);
}

TEST(Spurious, RepeatOfAcknowledgedBytes) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 31ms, .ack = 1001});
  story.peer({.at = 330ms, .seq = 1, .length = kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 spurious_retransmission acknowledged"));
  EXPECT_EQ(story.ingress().spurious_retransmissions, 1u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
  EXPECT_EQ(lost(story.ingress(), Side::kAfter), 0u);
}

TEST(Spurious, RepeatOfSackedBytes) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 30ms, .seq = 1001, .length = kMss});
  story.peer({.at = 50ms, .ack = 1, .sack = {{1001, 2001}}});
  story.us({.at = 60ms, .seq = 1001, .length = kMss, .checksum = 1}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1001 spurious_retransmission sacked"));
}

TEST(Spurious, DsackBelowTheAcknowledgmentRevisesARetransmission) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 260ms, .seq = 1, .length = kMss, .tsval = 330});
  story.peer({.at = 270ms, .ack = 1001, .tsval = 5, .tsecr = 330});
  story.peer({.at = 280ms, .ack = 1001, .tsval = 6, .tsecr = 330, .sack = {{1, 1001}}});
  story.finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 1 retransmission after tsval",
                          "us 1 spurious_retransmission dsack (was retransmission)"));
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 0u);
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u);
  EXPECT_EQ(story.egress().retransmitted_segments, 1u);
}

TEST(Spurious, DsackInsideTheSecondBlock) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 30ms, .seq = 1001, .length = kMss, .tsval = 100});
  story.us({.at = 260ms, .seq = 1001, .length = kMss, .tsval = 330});
  story.peer({.at = 280ms, .ack = 1, .sack = {{1001, 2001}, {1001, 2001}}});
  story.finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u);
}

TEST(Spurious, OneDsackTakesBackOneOfTwoRepeats) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 260ms, .seq = 1, .length = kMss, .tsval = 330});
  story.us({.at = 700ms, .seq = 1, .length = kMss, .tsval = 770});
  story.peer({.at = 720ms, .ack = 1001, .sack = {{1, 1001}}}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 1u);
}

TEST(Spurious, EifelAtTheLeftEdge) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn, .tsval = 70});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1, .tsecr = 70});
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 260ms, .seq = 1, .length = kMss, .tsval = 330});
  story.peer({.at = 270ms, .ack = 1001, .tsval = 5, .tsecr = 100});
  story.finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 1 retransmission after tsval",
                          "us 1 spurious_retransmission eifel (was retransmission)"));
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 0u);
}

// RFC 7323 echoes the left edge: what lies above it says nothing.
TEST(Spurious, NoEifelAboveTheLeftEdge) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn, .tsval = 70});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1, .tsecr = 70});
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 30ms, .seq = 1001, .length = kMss, .tsval = 100});
  story.us({.at = 70ms, .seq = 1001, .length = kMss, .tsval = 140});
  story.peer({.at = 95ms, .ack = 2001, .tsval = 5, .tsecr = 100}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 0u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 1u);
}

// Without TSecr or DSACK: the answer came sooner than a round trip.
TEST(Spurious, AcknowledgedFarSoonerThanARoundTrip) {
  Conversation story;
  story.handshake(20ms);
  story.us({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.us({.at = 260ms, .seq = 1, .length = kMss, .tsval = 330});
  story.peer({.at = 265ms, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u);
}

// Neither end sends SACKs, nor says what came twice.
void handshake_without_sack(Conversation& story) {
  story.us({.seq = 0, .ack = 0, .flags = kSyn, .mss = 1460, .bits = kOptionsComplete});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460, .bits = kOptionsComplete});
  story.us({.at = 20ms});
}

// Four segments, of which a time-out sends all again though only the first was lost. The answer to
// its repeat acknowledges all; the other repeats are answered each.
void go_back_n(Conversation& story) {
  for (const Duration at : {30ms, 260ms}) {
    for (uint32_t i = 0; i < 4; ++i) story.us({.at = at, .seq = 1 + i * kMss, .length = kMss});
  }
  for (int i = 0; i < 4; ++i) story.peer({.at = 281ms, .ack = 1 + 4 * kMss});
  story.finish();
}

TEST(Spurious, WithoutSackEachNeedlessRepeatIsAnswered) {
  Conversation story;
  handshake_without_sack(story);
  go_back_n(story);
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 1 retransmission after seen_before",
                          "us 1001 retransmission after seen_before",
                          "us 2001 retransmission after seen_before",
                          "us 3001 retransmission after seen_before",
                          "us 1001 spurious_retransmission duplicate_acks (was retransmission)",
                          "us 2001 spurious_retransmission duplicate_acks (was retransmission)",
                          "us 3001 spurious_retransmission duplicate_acks (was retransmission)"));
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 1u);
  EXPECT_EQ(story.egress().spurious_retransmissions, 3u);
}

TEST(Spurious, WithSackAnAnswerWithoutDsackSaysNothing) {
  Conversation story;
  story.handshake();
  go_back_n(story);
  EXPECT_EQ(story.egress().spurious_retransmissions, 0u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 4u);
}

// What a duplicate acknowledgment asks for was lost again, and what it answers lies beyond.
TEST(Spurious, WithoutSackNewDataIsAnsweredInTheSameWords) {
  Conversation story;
  handshake_without_sack(story);
  for (uint32_t i = 0; i < 3; ++i) story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss});
  story.us({.at = 260ms, .seq = 1, .length = kMss});
  story.us({.at = 261ms, .seq = 3001, .length = kMss});
  story.us({.at = 261ms, .seq = 4001, .length = kMss});
  story.peer({.at = 280ms, .ack = 2001});
  story.peer({.at = 281ms, .ack = 2001});
  story.peer({.at = 281ms, .ack = 2001}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 0u);
}

TEST(Spurious, WithoutSackARepeatBeyondIsAnsweredInTheSameWords) {
  Conversation story;
  handshake_without_sack(story);
  for (uint32_t i = 0; i < 3; ++i) story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss});
  story.us({.at = 260ms, .seq = 1, .length = kMss});
  story.us({.at = 261ms, .seq = 2001, .length = kMss});
  story.peer({.at = 281ms, .ack = 1001});
  story.peer({.at = 282ms, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 0u);
}

// A SYN that the network copied is answered twice, and so is the second answer.
TEST(Spurious, SynAckThatIsAnsweredTwice) {
  Conversation story;
  story.peer({.seq = 0, .ack = 0, .flags = kSyn, .ip_id = 9});
  story.us({.at = 1ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 2ms, .seq = 0, .ack = 0, .flags = kSyn, .ip_id = 9});
  story.us({.at = 2ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 21ms});
  story.peer({.at = 22ms}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("peer 0 duplicate identical", "us 0 retransmission after seen_before",
                          "us 0 spurious_retransmission duplicate_acks (was retransmission)"));
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 0u);
}

// The echo tells which of three came first: the second. That the third was answered is no news.
TEST(Spurious, AnswerToWhatIsKnownToBeNeedless) {
  Conversation story;
  story.peer({.seq = 0, .ack = 0, .flags = kSyn, .tsval = 7});
  story.us({.at = 1ms, .seq = 0, .flags = kSyn | kAck, .tsval = 100, .tsecr = 7});
  story.us({.at = 1001ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1100, .tsecr = 7});
  story.us({.at = 1002ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1101, .tsecr = 7});
  story.peer({.at = 1021ms, .tsval = 1030, .tsecr = 1100});
  story.peer({.at = 1022ms, .tsval = 1031, .tsecr = 1100}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 0 retransmission after tsval", "us 0 retransmission after tsval",
                          "us 0 spurious_retransmission eifel (was retransmission)"));
}

// More repeats wait than there is room for: the first is decided before it was answered. That it
// came twice is then no sign that the network copies packets.
TEST(Spurious, ReportOfARepeatThatHadToBeForgotten) {
  constexpr uint32_t kCount = RepeatList::kMax + 1;
  Conversation story;
  story.handshake();
  for (const Duration at : {30ms, 260ms}) {
    for (uint32_t i = 0; i < kCount; ++i) story.us({.at = at, .seq = 1 + i * kMss, .length = kMss});
  }
  constexpr uint32_t kAll = 1 + kCount * kMss;
  story.peer({.at = 281ms, .ack = kAll, .sack = {{1, 1 + kMss}}});
  story.peer({.at = 282ms, .ack = kAll, .sack = {{kAll - kMss, kAll}}}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u);
  EXPECT_EQ(story.egress().unanswered_segments, 1u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), kCount - 2);
}

TEST(Spurious, WhatWaitsIsForgottenLast) {
  constexpr uint32_t kCount = RepeatList::kMax;
  Conversation story;
  story.handshake();
  for (uint32_t i = 0; i <= kCount; ++i) {
    story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss});
  }
  constexpr uint32_t kLast = 1 + kCount * kMss;
  story.peer({.at = 50ms, .ack = kLast});
  story.us({.at = 60ms, .seq = kLast, .length = kMss, .checksum = 1});
  for (uint32_t i = 0; i < kCount; ++i) {
    story.us({.at = 61ms, .seq = 1 + i * kMss, .length = kMss, .checksum = 1});
  }
  story.peer({.at = 80ms, .ack = kLast + kMss, .sack = {{kLast, kLast + kMss}}}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, kCount + 1);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 0u);
}

}  // namespace
}  // namespace lossgazer::test
