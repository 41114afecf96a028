// The rare turns of a connection's life: opened oddly, seen in part, throttled,
// closed, reopened.

#include <gmock/gmock.h>

#include <tuple>

#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;

uint64_t lost(const LossCounters& counters) {
  return counters.lost(Side::kBefore, LossMethod::kSequence) +
         counters.lost(Side::kAfter, LossMethod::kSequence);
}

// Asymmetric routing: the other direction takes another way.
TEST(OneWay, DataAloneIsNeverLost) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 20ms, .seq = 1, .length = kMss});
  story.us({.at = 21ms, .seq = 2001, .length = kMss});
  story.us({.at = 300ms, .seq = 1001, .length = kMss});
  story.us({.at = 600ms, .seq = 2001, .length = kMss, .checksum = 1}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(story.egress().unanswered_segments, 2u);
  EXPECT_EQ(lost(story.egress()), 0u);
}

TEST(OneWay, AcknowledgmentsAloneSayNothing) {
  Conversation story;
  for (uint32_t i = 0; i < 10; ++i) {
    story.us({.at = i * 1ms, .ack = 1 + i * kMss, .sack = {{20001, 21001}}});
    story.us({.at = i * 1ms, .ack = 1 + i * kMss, .sack = {{20001, 21001}}});
  }
  story.us({.at = 20ms, .flags = kFin | kAck}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
  EXPECT_EQ(lost(story.ingress()), 0u);
}

TEST(OneWay, DataThatStartsFarFromTheAcknowledgmentsIsNotSpurious) {
  Conversation story;
  story.us({.at = 0ms, .ack = 3'000'000'000});
  story.peer({.at = 1s, .seq = 2'000'000'000, .length = kMss});
  story.peer({.at = 2s, .seq = 2'000'000'000, .length = kMss, .tsval = 9}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 2000000000 retransmission after seen_before"));
}

TEST(Reuse, AfterFinsAndAfterAResetAndAfterNothing) {
  for (const int ending : {0, 1, 2}) {
    Conversation story;
    story.handshake();
    story.us({.at = 30ms, .seq = 1, .length = kMss});
    story.peer({.at = 50ms, .ack = 1001});
    if (ending == 0) {
      story.us({.at = 60ms, .seq = 1001, .ack = 1, .flags = kFin | kAck});
      story.peer({.at = 80ms, .seq = 1, .ack = 1002, .flags = kFin | kAck});
      story.us({.at = 81ms, .seq = 1002, .ack = 2});
    } else if (ending == 1) {
      story.peer({.at = 60ms, .seq = 1, .flags = kRst});
    }
    story.us({.at = 1s, .seq = 100000, .ack = 0, .flags = kSyn});
    story.us({.at = 2s, .seq = 100000, .ack = 0, .flags = kSyn});  // the SYN repeats
    story.peer({.at = 2020ms, .seq = 700000, .ack = 100001, .flags = kSyn | kAck});
    story.us({.at = 2021ms, .seq = 100001, .length = kMss, .ack = 700001});
    story.peer({.at = 2040ms, .seq = 700001, .length = kMss, .ack = 101001}).finish();
    EXPECT_THAT(story.verdicts(), ElementsAre("us 100000 retransmission after seen_before"));
    EXPECT_EQ(story.egress().handshake_retransmissions[0], 1u);
    EXPECT_EQ(lost(story.egress()), 1u);
    EXPECT_EQ(lost(story.ingress()), 0u);
    EXPECT_THAT(story.egress().connections, ElementsAre(2, 0, 0));
  }
}

// Of the last connection only this end's ACKs were seen.
TEST(Reuse, SynOfAnEndThatOnlySentAcknowledgments) {
  Conversation story;
  story.us({.at = 0ms, .seq = 500, .ack = 1001});
  story.peer({.at = 1ms, .seq = 1001, .length = kMss, .ack = 500});
  story.us({.at = 2ms, .seq = 500, .ack = 2001});
  story.us({.at = 1s, .seq = 100000, .ack = 0, .flags = kSyn});
  story.peer({.at = 1020ms, .seq = 700000, .ack = 100001, .flags = kSyn | kAck});
  story.us({.at = 1021ms, .seq = 100001, .length = kMss, .ack = 700001});
  story.peer({.at = 1040ms, .seq = 700001, .length = kMss, .ack = 101001}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
  EXPECT_THAT(story.egress().connections, ElementsAre(1, 0, 0));
}

// Of the last connection only the other end was seen.
TEST(Reuse, SynOfAnEndThatWasNotSeen) {
  Conversation story;
  story.peer({.at = 1ms, .seq = 1001, .length = kMss, .ack = 500});
  story.us({.at = 1s, .seq = 100000, .ack = 0, .flags = kSyn});
  story.peer({.at = 1020ms, .seq = 700000, .ack = 100001, .flags = kSyn | kAck});
  story.us({.at = 1021ms, .seq = 100001, .length = kMss, .ack = 700001});
  story.peer({.at = 1040ms, .seq = 700001, .length = kMss, .ack = 101001});
  story.us({.at = 1041ms, .seq = 101001, .ack = 701001}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

// SYN cookies: a SYN that was repeated late is answered with another number,
// and the client takes the second answer.
TEST(Reuse, SecondSynAckThatTheClientTakesIsFollowed) {
  constexpr uint32_t kOther = 2'000'000'000;
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 3s, .seq = kOther, .flags = kSyn | kAck});
  story.us({.at = 3001ms, .seq = 1, .ack = kOther + 1});
  for (uint32_t i = 0; i < 5; ++i) {
    story.peer({.at = 3020ms + i * 1ms, .seq = kOther + 1 + i * kMss, .length = kMss});
    story.us({.at = 3020ms + i * 1ms, .seq = 1, .ack = kOther + 1 + (i + 1) * kMss});
  }
  EXPECT_THAT(story.verdicts(), IsEmpty());
  story.peer({.at = 4s, .seq = kOther + 4001, .length = kMss}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("peer 2000004001 spurious_retransmission acknowledged"));
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

TEST(Reuse, SecondSynAckThatNobodyTakesChangesNothing) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 2'000'000'000, .flags = kSyn | kAck});
  story.peer({.at = 40ms, .seq = 1, .length = kMss});
  story.us({.at = 41ms, .ack = 1001});
  story.peer({.at = 340ms, .seq = 1, .length = kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 spurious_retransmission acknowledged"));
}

TEST(Opening, SimultaneousWithRepeatedSyns) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 1ms, .seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 1001ms, .seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 1002ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 1003ms, .seq = 0, .flags = kSyn | kAck});
  story.us({.at = 1004ms, .seq = 1, .length = kMss});
  story.peer({.at = 1024ms, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().handshake_retransmissions[0], 1u);
  EXPECT_EQ(story.ingress().handshake_retransmissions[0], 1u);
  EXPECT_EQ(story.egress().handshake_retransmissions[1], 0u);
  EXPECT_EQ(lost(story.egress()), 0u) << "the other end was heard: its SYN tells nothing of ours";
}

// RFC 7413: the server acknowledges the SYN alone, and has not kept the data.
TEST(FastOpen, DataThatTheServerIgnoredIsNotLost) {
  Conversation story;
  story.us({.seq = 0, .length = 100, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .ack = 1, .flags = kSyn | kAck});
  story.us({.at = 21ms, .seq = 1, .length = 100});
  story.peer({.at = 41ms, .ack = 101}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission seen_before"));
  EXPECT_EQ(story.egress().retransmitted_segments, 1u);
  EXPECT_EQ(story.egress().handshake_retransmissions[0], 0u);
  EXPECT_EQ(lost(story.egress()), 0u);
}

TEST(FastOpen, IgnoredDataThatIsLostWhenSentAgainIsLost) {
  Conversation story;
  story.us({.seq = 0, .length = 100, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .ack = 1, .flags = kSyn | kAck});
  story.us({.at = 21ms, .seq = 1, .length = 100});
  story.us({.at = 321ms, .seq = 1, .length = 100});
  story.peer({.at = 341ms, .ack = 101}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(lost(story.egress()), 1u);
}

TEST(FastOpen, AcceptedDataIsInOrder) {
  Conversation story;
  story.us({.seq = 0, .length = 100, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .ack = 101, .flags = kSyn | kAck});
  story.us({.at = 21ms, .seq = 101, .length = kMss});
  story.peer({.at = 41ms, .ack = 1101}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

// The time-out's SYN goes without data (RFC 7413, section 4.1.3).
TEST(FastOpen, LostSynIsOneLossAlthoughItsDataFollowsApart) {
  Conversation story;
  story.us({.seq = 0, .length = 100, .ack = 0, .flags = kSyn});
  story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 1020ms, .seq = 0, .ack = 1, .flags = kSyn | kAck});
  story.us({.at = 1021ms, .seq = 1, .length = 100});
  story.peer({.at = 1041ms, .ack = 101}).finish();
  EXPECT_EQ(story.egress().handshake_retransmissions[0], 1u);
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(lost(story.egress()), 1u);
}

TEST(Cookies, FinalAcknowledgmentWithDataEndsARepeatedAnswer) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck});
  story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn});  // the answer was lost on our side
  story.peer({.at = 1020ms, .seq = 0, .flags = kSyn | kAck});
  story.us({.at = 1021ms, .seq = 1, .length = kMss});
  story.peer({.at = 1041ms, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u) << "the SYN had been answered";
  EXPECT_EQ(lost(story.egress()), 0u);
  EXPECT_EQ(story.ingress().lost(Side::kAfter, LossMethod::kSequence), 1u);
}

TEST(Windows, AllThatAClosedWindowThrewAwayIsNotLost) {
  Conversation story;
  story.handshake();
  for (uint32_t i = 0; i < 4; ++i) {
    story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss});
  }
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.peer({.at = 500ms, .ack = 1001});
  for (uint32_t i = 1; i < 4; ++i) {
    story.us({.at = 500ms + i * 20ms, .seq = 1 + i * kMss, .length = kMss});
    story.peer({.at = 510ms + i * 20ms, .ack = 1 + (i + 1) * kMss});
  }
  story.finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 1001 retransmission window", "us 2001 retransmission window",
                          "us 3001 retransmission window"));
  EXPECT_EQ(lost(story.egress()), 0u);
}

TEST(Windows, WhatIsLostAfterItWasThrownAwayIsLost) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 30ms, .seq = 1001, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.peer({.at = 500ms, .ack = 1001});
  story.us({.at = 501ms, .seq = 1001, .length = kMss});
  story.us({.at = 801ms, .seq = 1001, .length = kMss});
  story.peer({.at = 820ms, .ack = 2001}).finish();
  EXPECT_EQ(lost(story.egress()), 1u);
}

// The update passes the tap and is lost behind it: the sender goes on probing.
TEST(Windows, ProbesAfterALostUpdateAreNoLoss) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.peer({.at = 60ms, .ack = 1001});
  story.us({.at = 300ms, .seq = 1000});
  story.peer({.at = 320ms, .ack = 1001});
  story.us({.at = 321ms, .seq = 1001, .length = kMss}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, 0u);
  EXPECT_EQ(lost(story.egress()), 0u);
}

TEST(KeepAlives, RepeatedWithoutAnAnswer) {
  for (const uint32_t length : {0U, 1U}) {
    Conversation story;
    story.handshake();
    story.us({.at = 30ms, .seq = 1, .length = kMss});
    story.peer({.at = 50ms, .ack = 1001});
    for (int i = 0; i < 5; ++i) {
      story.us({.at = 10s + i * 1100ms, .seq = 1000, .length = length});
    }
    story.finish();
    EXPECT_THAT(story.verdicts(), SizeIs(5));
    EXPECT_EQ(story.egress().retransmitted_segments, 0u);
    EXPECT_EQ(story.egress().unanswered_segments, 0u);
  }
}

TEST(Resets, StormsAndDataInThemAreNotScored) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  for (uint32_t i = 0; i < 20; ++i) {
    story.peer({.at = 50ms + i * 1us, .seq = 1 + i * 5000, .length = 20, .flags = kRst | kAck});
    story.peer({.at = 50ms + i * 1us, .seq = 1 + i * 5000, .ack = 0, .flags = kRst});
  }
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().resets, 40u);
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
  EXPECT_EQ(lost(story.egress()), 0u);
}

TEST(Closing, FinOfDataRepeatedAlone) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .flags = kFin | kAck});
  story.us({.at = 330ms, .seq = 1001, .flags = kFin | kAck});
  story.peer({.at = 350ms, .ack = 1002}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1001 retransmission after seen_before"));
  EXPECT_EQ(story.egress().retransmitted_segments, 1u);
  EXPECT_EQ(story.egress().retransmitted_bytes, 0u);
}

// Half closed: the other end goes on sending while our FIN's repeats carry its
// acknowledgments.
TEST(Closing, FinRepeatedWithNewAcknowledgments) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .ack = 1, .flags = kFin | kAck});
  story.peer({.at = 31ms, .seq = 1, .length = kMss, .ack = 1});
  story.us({.at = 32ms, .seq = 1, .ack = 1001, .flags = kFin | kAck});
  story.peer({.at = 52ms, .seq = 1001, .length = kMss, .ack = 2});
  story.us({.at = 53ms, .seq = 2, .ack = 2001}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, 1u);
  EXPECT_EQ(story.egress().duplicate_packets, 0u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 0u);
}

TEST(Closing, Simultaneous) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .ack = 1, .flags = kFin | kAck});
  story.peer({.at = 31ms, .seq = 1, .ack = 1, .flags = kFin | kAck});
  story.us({.at = 32ms, .seq = 2, .ack = 2});
  story.peer({.at = 50ms, .seq = 2, .ack = 2});
  story.tick(61s).tick(62s).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

// Our ACK of the peer's FIN is lost behind the tap; TIME-WAIT answers with
// IP-ID 0.
TEST(Closing, AcknowledgmentOfAFinIsLost) {
  Conversation story;
  story.handshake();
  uint16_t id = 100;
  for (uint32_t i = 0; i < 10; ++i) {
    story.us({.at = 30ms + i * 1ms, .seq = 1 + i * kMss, .length = kMss, .ip_id = id++});
  }
  story.us({.at = 40ms, .seq = 10001, .flags = kFin | kAck, .ip_id = id++});
  story.peer({.at = 60ms, .seq = 1, .ack = 10002, .flags = kFin | kAck});
  story.us({.at = 61ms, .seq = 10002, .ack = 2, .ip_id = id++});
  story.peer({.at = 361ms, .seq = 1, .ack = 10002, .flags = kFin | kAck});
  story.us({.at = 361ms, .seq = 10002, .ack = 2, .ip_id = 0});
  story.peer({.at = 961ms, .seq = 1, .ack = 10002, .flags = kFin | kAck});
  story.us({.at = 961ms, .seq = 10002, .ack = 2, .ip_id = 0}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 spurious_retransmission acknowledged",
                                            "peer 1 spurious_retransmission acknowledged"));
  EXPECT_EQ(story.egress().duplicate_packets, 0u);
  EXPECT_EQ(story.egress().duplicate_acks, 0u);
  EXPECT_EQ(lost(story.ingress()), 0u);
}

// us, whose numbers wrap after 256 bytes: 1:201 and 401:601, then 201:401
// across 2^32.
TEST(Wrap, InTheMiddleOfAHole) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = 200});
  story.us({.at = 31ms, .seq = 401, .length = 200});
  story.peer({.at = 51ms, .ack = 201, .sack = {{401, 601}}});
  story.us({.at = 71ms, .seq = 201, .length = 200});
  story.peer({.at = 91ms, .ack = 601}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 201 retransmission before sack_above"));
  EXPECT_EQ(lost(story.egress()), 1u);
  EXPECT_EQ(story.egress().unseen_bytes, 0u);
}

// BIG TCP: more than 16 bits count.
TEST(SuperPackets, MayBeLargerThan64KiB) {
  constexpr uint32_t kBig = 100 * 1460;
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kBig});
  story.us({.at = 260ms, .seq = 1, .length = kBig});
  story.peer({.at = 300ms, .ack = 1 + kBig}).finish();
  EXPECT_EQ(story.egress().data_segments, 201u);
  EXPECT_EQ(story.egress().retransmitted_segments, 100u);
  EXPECT_EQ(lost(story.egress()), 100u);
}

// The receiver had the first of the three wire packets that were sent again.
TEST(SuperPackets, DsackTakesBackTheWirePacketsThatItCovers) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = 3 * 1460});
  story.us({.at = 260ms, .seq = 1, .length = 3 * 1460});
  story.peer({.at = 300ms, .ack = 4381, .sack = {{1, 1461}}});
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u);
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission after seen_before"));
  story.finish();
  EXPECT_EQ(lost(story.egress()), 2u);
}

TEST(SuperPackets, DsacksOfAllItsWirePacketsMakeItSpurious) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = 3 * 1460});
  story.us({.at = 260ms, .seq = 1, .length = 3 * 1460});
  for (uint32_t i = 0; i < 3; ++i) {
    story.peer({.at = 300ms, .ack = 4381, .sack = {{1 + i * 1460, 1 + (i + 1) * 1460}}});
  }
  story.finish();
  EXPECT_EQ(story.egress().spurious_retransmissions, 3u);
  EXPECT_EQ(lost(story.egress()), 0u);
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 1 retransmission after seen_before",
                          "us 1 spurious_retransmission dsack (was retransmission)"));
}

// Of two wire packets the second is short; and a single one brought new bytes
// after all.
TEST(SuperPackets, DsackOfAShortOrPartialWirePacket) {
  for (const auto& [length, sack_begin, spurious] :
       {std::tuple{1560U, 1461U, 1U}, std::tuple{1560U, 101U, 1U}, std::tuple{1000U, 401U, 0U}}) {
    Conversation story;
    story.handshake();
    story.us({.at = 30ms, .seq = 1, .length = length});
    story.us({.at = 260ms, .seq = 1, .length = length});
    story.peer({.at = 300ms, .ack = 1 + length, .sack = {{sack_begin, 1 + length}}});
    story.finish();
    EXPECT_EQ(story.egress().spurious_retransmissions, spurious);
    EXPECT_EQ(lost(story.egress()), 1u);
  }
}

// Rotated files: the verdict on a packet of the first is revised by one of the
// second.
TEST(Files, RevisionNamesTheFileOfThePacketItRevises) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .source = 1});
  story.us({.at = 260ms, .seq = 1, .length = kMss, .source = 1});
  story.peer({.at = 270ms, .ack = 1001, .sack = {{1, 1001}}, .source = 2}).finish();
  ASSERT_THAT(story.raw_verdicts(), SizeIs(2));
  EXPECT_EQ(story.raw_verdicts()[1].source, 1u);
}

// Sent before the capture began, the first copy may have been lost on either
// side of it.
TEST(MidStream, RepeatFromBeforeTheCaptureHasNoSide) {
  Conversation story;
  story.peer({.at = 1ms, .seq = 90001, .length = kMss, .tsval = 10});
  story.us({.at = 1ms, .ack = 89001});
  story.peer({.at = 40ms, .seq = 89001, .length = kMss, .tsval = 50});
  story.us({.at = 41ms, .ack = 91001}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 89001 retransmission tsval"));
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
  EXPECT_EQ(lost(story.ingress()), 0u);
}

TEST(MidStream, RepeatFromBeforeTheCaptureOfAcknowledgedBytesIsSpurious) {
  Conversation story;
  story.peer({.at = 1ms, .seq = 90001, .length = kMss, .tsval = 10});
  story.us({.at = 1ms, .ack = 91001});
  story.peer({.at = 40ms, .seq = 89001, .length = kMss, .tsval = 50}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 89001 spurious_retransmission acknowledged"));
}

TEST(MidStream, SecondRepeatFromBeforeTheCaptureIsLossAfterTheTap) {
  Conversation story;
  story.peer({.at = 1ms, .seq = 90001, .length = kMss, .tsval = 10});
  story.us({.at = 1ms, .ack = 89001});
  story.peer({.at = 40ms, .seq = 89001, .length = kMss, .tsval = 50});
  story.peer({.at = 400ms, .seq = 89001, .length = kMss, .tsval = 410});
  story.us({.at = 401ms, .ack = 91001}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 89001 retransmission tsval",
                                            "peer 89001 retransmission after tsval"));
  EXPECT_EQ(lost(story.ingress()), 1u);
}

TEST(MidStream, RepeatAcrossTheFirstByteSeenIsLossOfItsSeenPart) {
  Conversation story;
  story.us({.at = 1ms, .seq = 90001, .length = 1448});
  story.peer({.at = 1ms, .ack = 88553});
  story.us({.at = 300ms, .seq = 88553, .length = 2 * 1448});
  story.peer({.at = 320ms, .ack = 91449}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(lost(story.egress()), 1u);
  EXPECT_EQ(story.egress().lost(Side::kBefore, LossMethod::kSequence), 0u);
}

}  // namespace
}  // namespace lossgazer::test
