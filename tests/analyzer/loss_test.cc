// Which packets were lost, and on which side of the capture point: retransmissions and their fate.

#include <gmock/gmock.h>

#include <vector>

#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;

uint64_t lost(const LossCounters& counters, Side side) {
  return counters.lost(side, LossMethod::kSequence);
}

TEST(Loss, CleanTransferHasNoVerdicts) {
  Conversation story;
  story.handshake();
  for (uint32_t i = 0; i < 1000; ++i) {
    const Duration at = 20ms + i * 1ms;
    story.peer({.at = at, .seq = 1 + i * kMss, .length = kMss, .ip_id = static_cast<uint16_t>(i)});
    story.us({.at = at + 10us, .ack = 1 + (i + 1) * kMss});
  }
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().data_segments, 1001u);  // with the SYN-ACK
  EXPECT_EQ(story.ingress().payload_bytes, 1000u * kMss);
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
  EXPECT_EQ(story.ingress().connections, LossCounters{}.connections);
  EXPECT_EQ(story.egress().connections[0], 1u);  // opened, by us
}

// peer > us: 1:1001, 2001:3001, and 40 ms later 1001:2001 with a newer TSval.
TEST(Loss, HoleFilledByNewerTsvalIsLossBeforeTheTap) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.peer({.at = 31ms, .seq = 2001, .length = kMss, .tsval = 100});
  story.us({.at = 31ms, .ack = 1001, .sack = {{2001, 3001}}});
  story.peer({.at = 71ms, .seq = 1001, .length = kMss, .tsval = 140});
  story.us({.at = 71ms, .ack = 3001});
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1001 retransmission before tsval"));
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 0u) << "a DSACK may still come";
  story.tick(1s);
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 1u);
  EXPECT_EQ(lost(story.ingress(), Side::kAfter), 0u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
  EXPECT_EQ(story.ingress().retransmitted_bytes, kMss);
  EXPECT_EQ(story.egress().duplicate_acks, 0u) << "the first ACK of 1001 acknowledged new data";
}

TEST(Loss, SeveralPacketsInOneHoleAreCountedEach) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = 1448, .tsval = 100});
  story.peer({.at = 31ms, .seq = 1 + 4 * 1448, .length = 1448, .tsval = 100});
  for (uint32_t i = 1; i < 4; ++i) {
    story.peer({.at = 71ms, .seq = 1 + i * 1448, .length = 1448, .tsval = 140});
  }
  story.us({.at = 72ms, .ack = 1 + 5 * 1448}).finish();
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 3u);
}

// Where an end that answers with SACKs has 12 bytes less room, what it sends again is cut at other
// bounds than what was lost. We send `lost` from 1 on, and again, a round trip later, `repeats`.
uint64_t lost_after_repeats(const std::vector<uint32_t>& lost_lengths,
                            const std::vector<uint32_t>& repeats) {
  Conversation story;
  story.us({.seq = 0, .flags = kSyn, .mss = 1460});
  story.peer({.at = 10ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460});
  story.us({.at = 10ms});
  uint32_t seq = 1;
  for (const uint32_t length : lost_lengths) {
    story.us({.at = 20ms, .seq = seq, .length = length, .tsval = 10});
    seq += length;
  }
  uint32_t again = 1;
  for (const uint32_t length : repeats) {
    story.us({.at = 300ms, .seq = again, .length = length, .tsval = 300});
    again += length;
  }
  EXPECT_EQ(again, seq);
  story.peer({.at = 320ms, .ack = seq}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, repeats.size());
  return lost(story.egress(), Side::kAfter);
}

TEST(Loss, RepeatsCutAtOtherBoundsCountWhatWasLost) {
  EXPECT_EQ(lost_after_repeats({1448}, {1448}), 1u);
  EXPECT_EQ(lost_after_repeats({1448}, {1436, 12}), 1u);
  EXPECT_EQ(lost_after_repeats({1448}, {500, 500, 448}), 1u);
  EXPECT_EQ(lost_after_repeats({1448, 1448, 1448}, {1436, 1436, 1436, 36}), 3u);
  EXPECT_EQ(lost_after_repeats({1436, 1436}, {1448, 1424}), 2u);
  EXPECT_EQ(lost_after_repeats({1448, 1448}, {1436, 1448, 12}), 2u);
}

// The same of super-packets: the wire packets in them have bounds of their own.
TEST(Loss, RepeatsOfSuperPacketsCutAtOtherBounds) {
  const auto lost_of = [](uint32_t length, const std::vector<uint32_t>& repeats) {
    Conversation story;
    story.us({.seq = 0, .flags = kSyn, .mss = 1460});
    story.peer({.at = 10ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460});
    story.us({.at = 20ms, .length = length, .tsval = 10});
    uint32_t again = 1;
    for (const uint32_t repeat : repeats) {
      story.us({.at = 300ms, .seq = again, .length = repeat, .tsval = 300});
      again += repeat;
    }
    story.peer({.at = 320ms, .ack = 1 + length}).finish();
    return lost(story.egress(), Side::kAfter);
  };
  EXPECT_EQ(lost_of(4 * 1448, {4 * 1448}), 4u);
  EXPECT_EQ(lost_of(4 * 1448, {1448, 1448, 1448, 1448}), 4u);
  EXPECT_EQ(lost_of(4 * 1448, {1436, 1436, 1436, 1436, 48}), 4u);
  EXPECT_EQ(lost_of(4 * 1448, {2 * 1436, 2 * 1436, 48}), 4u);
}

// And where nobody saw the first copies, of what fills the gap that they left.
TEST(Loss, GapFilledAtOtherBoundsCountsWhatWasLost) {
  const auto lost_of = [](const std::vector<uint32_t>& repeats) {
    Conversation story;
    story.us({.seq = 0, .flags = kSyn, .mss = 1460});
    story.peer({.at = 10ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460});
    story.us({.at = 10ms});
    story.peer({.at = 20ms, .seq = 1 + 3 * 1448, .length = 1448, .tsval = 10});
    uint32_t again = 1;
    for (const uint32_t length : repeats) {
      story.peer({.at = 300ms, .seq = again, .length = length, .tsval = 300});
      again += length;
    }
    story.us({.at = 300ms, .ack = 1 + 4 * 1448}).finish();
    EXPECT_EQ(story.ingress().retransmitted_segments, repeats.size());
    return lost(story.ingress(), Side::kBefore);
  };
  EXPECT_EQ(lost_of({1448, 1448, 1448}), 3u);
  EXPECT_EQ(lost_of({1436, 1436, 1436, 36}), 3u);
  EXPECT_EQ(lost_of({1436, 12, 1436, 12, 1436, 12}), 3u);
  EXPECT_EQ(lost_of({1448, 1448, 1000, 400, 48}), 3u);
}

TEST(Loss, SmallPacketsInOneGapAreCountedEach) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1 + 4 * 100, .length = 100, .tsval = 100});
  for (uint32_t i = 0; i < 4; ++i) {
    story.peer({.at = 71ms, .seq = 1 + i * 100, .length = 100, .tsval = 140});
  }
  story.us({.at = 72ms, .ack = 1 + 5 * 100}).finish();
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 4u);
}

// What the sender never came to send again, of a gap that was filled but for 12 bytes.
TEST(Loss, RestOfAGapIsNoPacketMore) {
  Conversation story;
  story.us({.seq = 0, .flags = kSyn, .mss = 1460});
  story.peer({.at = 10ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460});
  story.us({.at = 10ms});
  story.peer({.at = 20ms, .seq = 1 + 1448, .length = 1448, .tsval = 10});
  story.us({.at = 20ms, .ack = 1, .sack = {{1 + 1448, 1 + 2 * 1448}}});
  story.peer({.at = 300ms, .seq = 1, .length = 1436, .tsval = 300});
  story.us({.at = 300ms, .ack = 1 + 1436, .sack = {{1 + 1448, 1 + 2 * 1448}}}).finish();
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 1u);
}

TEST(Loss, FinSentAgainByItselfIsNoPacketMore) {
  Conversation story;
  story.us({.seq = 0, .flags = kSyn, .mss = 1460});
  story.peer({.at = 10ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460});
  story.peer({.at = 30ms, .length = 1448, .flags = kAck | kFin, .tsval = 10});
  story.peer({.at = 300ms, .length = 1448, .tsval = 300});
  story.peer({.at = 301ms, .seq = 1449, .flags = kAck | kFin, .tsval = 301});
  story.us({.at = 320ms, .ack = 1450}).finish();
  EXPECT_EQ(story.ingress().retransmitted_segments, 2u);
  EXPECT_EQ(lost(story.ingress(), Side::kAfter), 1u);
}

// us > peer: 1:1001 twice, 250 ms apart; the peer acknowledges the second.
TEST(Loss, RepeatOfSeenBytesIsLossAfterTheTap) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss, .ip_id = 1, .tsval = 100});
  story.us({.at = 280ms, .seq = 1, .length = kMss, .ip_id = 2, .tsval = 350});
  story.peer({.at = 300ms, .ack = 1001, .tsval = 9, .tsecr = 350});
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission after tsval"));
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 1u);
  EXPECT_EQ(lost(story.egress(), Side::kBefore), 0u);
}

TEST(Loss, FinOfAFullSegmentIsNoPacketMore) {
  Conversation story;
  story.handshake();
  const Packet last{.at = 30ms, .length = 1448, .flags = kAck | kFin, .tsval = 10};
  story.peer(last);
  Packet again = last;
  again.at = 300ms;
  again.tsval = 300;
  story.peer(again);
  story.us({.at = 301ms, .ack = 1450}).finish();
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
  EXPECT_EQ(lost(story.ingress(), Side::kAfter), 1u);
}

TEST(Loss, EachRepeatOfSeenBytesIsALossOfItsOwn) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 280ms, .seq = 1, .length = kMss});
  story.us({.at = 680ms, .seq = 1, .length = kMss});
  story.peer({.at = 700ms, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 2u);
}

TEST(Loss, PeerNeverHeardFromAgainIsUnansweredNotLost) {
  Conversation story;
  story.handshake();
  for (uint32_t i = 0; i < 5; ++i) {
    story.us({.at = 30ms + i * 300ms, .seq = 1, .length = kMss, .tsval = 100 + 300 * i});
  }
  story.finish();
  EXPECT_EQ(story.egress().unanswered_segments, 4u);
  EXPECT_EQ(story.egress().retransmitted_segments, 4u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 0u);
}

TEST(Loss, UnansweredRepeatsAreLossOnceThePeerAnswers) {
  Conversation story;
  story.handshake();
  story.us({.at = 1s, .seq = 1, .length = kMss, .tsval = 1000});
  story.us({.at = 2s, .seq = 1, .length = kMss, .tsval = 2000});
  story.tick(4s);
  EXPECT_EQ(story.egress().unanswered_segments, 1u);
  story.us({.at = 4s, .seq = 1, .length = kMss, .tsval = 4000});
  story.peer({.at = 4020ms, .ack = 1001, .tsval = 7, .tsecr = 4000});
  story.tick(10s);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 2u);
  EXPECT_EQ(story.egress().unanswered_segments, 1u) << "counters never go down";
}

TEST(Loss, HoleNeverFilledIsLossIfTheReceiverMissedIt) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = 1460});
  story.peer({.at = 31ms, .seq = 1 + 3 * 1460, .length = 1460});
  story.us({.at = 32ms, .ack = 1461, .sack = {{1 + 3 * 1460, 1 + 4 * 1460}}});
  story.finish();
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 2u);
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

TEST(Loss, AcknowledgedHoleIsTheCapturesOwnMiss) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 31ms, .seq = 2001, .length = kMss});
  story.us({.at = 32ms, .ack = 3001});
  story.tick(1s).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, kMss);
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 0u);
}

TEST(Loss, AcknowledgmentBeyondAllThatWasSeenIsTheCapturesOwnMiss) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 31ms, .ack = 5001});
  story.peer({.at = 50ms, .seq = 5001, .length = kMss});
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 4000u);
}

// Transmit and receive paths may be captured out of order.
TEST(Loss, DataCapturedShortlyAfterItsAcknowledgmentIsInOrder) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .ack = 1001});
  story.peer({.at = 31ms, .seq = 1, .length = kMss});
  story.tick(1s).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

TEST(Loss, RepeatedTailIsKnownByItsSkippedIpId) {
  Conversation story;
  story.handshake();
  uint32_t seq = 1;
  uint16_t ip_id = 100;
  for (int i = 0; i < 10; ++i, seq += kMss) {
    story.peer({.at = 30ms + i * 1ms, .seq = seq, .length = kMss, .ip_id = ip_id++});
  }
  story.us({.at = 40ms, .ack = seq});
  // The next segment, number 110, is lost before the tap; its repeat has number 111.
  story.peer({.at = 300ms, .seq = seq, .length = kMss, .ip_id = 111});
  story.us({.at = 301ms, .ack = seq + kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 retransmission before skipped_ip_id"));
  EXPECT_EQ(story.ingress().lost(Side::kBefore, LossMethod::kCensus), 1u);
  EXPECT_EQ(lost(story.ingress(), Side::kBefore), 0u) << "it is counted once";
}

// Ten segments come; 110 is lost, 111 shows the hole, and 112 and 113 are lost as the tail.
struct TailBehindAHole {
  Conversation story;
  uint32_t hole = 1 + 10 * kMss;
  uint32_t tail = hole + 2 * kMss;

  TailBehindAHole() {
    story.handshake();
    for (uint16_t i = 0; i < 10; ++i) send(30ms + i * 1ms, 1 + i * kMss, 100 + i);
    story.us({.at = 40ms, .ack = hole});
    send(41ms, hole + kMss, 111);
    story.us({.at = 41ms, .ack = hole, .sack = {{hole + kMss, tail}}});
  }
  void send(Duration at, uint32_t seq, int ip_id) {
    story.peer({.at = at, .seq = seq, .length = kMss, .ip_id = static_cast<uint16_t>(ip_id)});
  }
};

TEST(Loss, TailBehindAHoleIsKnownByTheNumbersBeforeTheFirstRepeat) {
  TailBehindAHole flow;
  flow.send(60ms, flow.hole, 114);
  flow.send(80ms, flow.tail, 115);
  flow.send(80ms, flow.tail + kMss, 116);
  flow.send(80ms, flow.tail + 2 * kMss, 117);
  flow.story.us({.at = 81ms, .ack = flow.tail + 3 * kMss}).finish();
  EXPECT_THAT(flow.story.verdicts(), ElementsAre("peer 10001 retransmission before ip_id",
                                                 "peer 12001 retransmission before skipped_ip_id",
                                                 "peer 13001 retransmission before skipped_ip_id"));
  EXPECT_EQ(flow.story.ingress().lost(Side::kBefore, LossMethod::kCensus), 3u);
}

TEST(Loss, NumbersOfRepeatsLostAgainAreNoTail) {
  TailBehindAHole flow;
  // The hole was repeated as 114, and after a time-out as 115, both lost.
  flow.send(700ms, flow.hole, 116);
  flow.send(720ms, flow.tail, 117);
  flow.send(720ms, flow.tail + kMss, 118);
  flow.story.us({.at = 721ms, .ack = flow.tail + 2 * kMss}).finish();
  EXPECT_THAT(flow.story.verdicts(), ElementsAre("peer 10001 retransmission before ip_id",
                                                 "peer 12001 retransmission before skipped_ip_id"))
      << "errs towards no repeat: three of the four may have been the hole's";
}

TEST(Loss, TailThatIsOnlyLateIsNotSentAgain) {
  TailBehindAHole flow;
  flow.send(60ms, flow.hole, 114);
  flow.send(61ms, flow.tail, 112);
  flow.send(61ms, flow.tail + kMss, 113);
  flow.send(80ms, flow.tail + 2 * kMss, 115);
  flow.story.us({.at = 81ms, .ack = flow.tail + 3 * kMss}).finish();
  EXPECT_THAT(flow.story.verdicts(), ElementsAre("peer 10001 retransmission before ip_id"));
}

TEST(Loss, SkippedIpIdOfALostAcknowledgmentIsNoRepeat) {
  Conversation story;
  story.handshake();
  uint32_t seq = 1;
  uint16_t ip_id = 100;
  for (int i = 0; i < 10; ++i, seq += kMss) {
    story.peer({.at = 30ms + i * 1ms, .seq = seq, .length = kMss, .ip_id = ip_id++});
  }
  // We send something that the peer acknowledges with number 110, which is lost.
  story.us({.at = 41ms, .seq = 1, .length = 10, .ack = seq});
  story.peer({.at = 400ms, .seq = seq, .length = kMss, .ack = 11, .ip_id = 111}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

TEST(Loss, BytesThrownAwayByAClosedWindowAreNotLost) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 30ms, .seq = 1001, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.peer({.at = 500ms, .ack = 1001, .window = 1000});
  story.us({.at = 501ms, .seq = 1001, .length = kMss});
  story.peer({.at = 520ms, .ack = 2001}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1001 retransmission window"));
  EXPECT_EQ(story.egress().retransmitted_segments, 1u);
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 0u);
  EXPECT_EQ(story.ingress().zero_windows, 1u);
}

TEST(Loss, AfterAZeroWindowThatThrewNothingAway) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.peer({.at = 500ms, .ack = 1001, .window = 1000});
  story.us({.at = 501ms, .seq = 1001, .length = kMss, .tsval = 1});
  story.us({.at = 801ms, .seq = 1001, .length = kMss, .tsval = 301});
  story.peer({.at = 820ms, .ack = 2001}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1001 retransmission after tsval"));
  EXPECT_EQ(lost(story.egress(), Side::kAfter), 1u);
}

}  // namespace
}  // namespace lossgazer::test
