// What came late or twice, and what is neither: reordering, the network's copies, probes.

#include <gmock/gmock.h>

#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;

// Ten in-order segments from the peer, numbered from 100, so that its counter is known to count.
uint32_t ten_segments(Conversation& story) {
  for (uint16_t i = 0; i < 10; ++i) {
    story.peer({.at = 30ms + i * 1ms,
                .seq = 1 + i * kMss,
                .length = kMss,
                .ip_id = static_cast<uint16_t>(100 + i)});
  }
  story.us({.at = 40ms, .ack = 10001});
  return 10001;
}

TEST(Reordering, OlderTsvalFillsTheHole) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1001, .length = kMss, .tsval = 101});
  story.peer({.at = 60ms, .seq = 1, .length = kMss, .tsval = 100}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 reordered tsval"));
  EXPECT_EQ(story.ingress().reordered_segments, 1u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 0u);
  EXPECT_EQ(story.ingress().lost(Side::kBefore, LossMethod::kSequence), 0u);
}

// A timestamp may go back for other reasons; nothing is late for a second.
TEST(Reordering, OlderTsvalLongAfterIsNoneAndIsCountedOnce) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss, .tsval = 100});
  story.peer({.at = 500ms, .seq = 1, .length = kMss, .tsval = 99});
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 spurious_retransmission tsval (was in_order)",
                                            "peer 1 reordered tsval"));
  story.tick(5s);
  story.peer({.at = 6s, .seq = 1, .length = kMss, .tsval = 98}).finish();
  EXPECT_EQ(story.ingress().reordered_segments, 1u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 2u);
  EXPECT_EQ(story.ingress().spurious_retransmissions, 1u);
}

TEST(Reordering, OlderIpIdFillsTheHole) {
  Conversation story;
  story.handshake();
  const uint32_t seq = ten_segments(story);
  story.peer({.at = 50ms, .seq = seq + kMss, .length = kMss, .ip_id = 111});
  story.peer({.at = 80ms, .seq = seq, .length = kMss, .ip_id = 110}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 reordered ip_id"));
}

TEST(Reordering, NewerIpIdIsARetransmission) {
  Conversation story;
  story.handshake();
  const uint32_t seq = ten_segments(story);
  story.peer({.at = 50ms, .seq = seq + kMss, .length = kMss, .ip_id = 111});
  story.peer({.at = 50500us, .seq = seq, .length = kMss, .ip_id = 112}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 retransmission before ip_id"));
}

TEST(Reordering, ByteSwappedIpIdsCountToo) {
  const auto swapped = [](uint16_t id) { return static_cast<uint16_t>(id << 8 | id >> 8); };
  Conversation story;
  story.handshake();
  for (uint16_t i = 0; i < 10; ++i) {
    story.peer({.at = 30ms + i * 1ms, .seq = 1 + i * kMss, .length = kMss, .ip_id = swapped(i)});
  }
  story.peer({.at = 50ms, .seq = 11001, .length = kMss, .ip_id = swapped(11)});
  story.peer({.at = 51ms, .seq = 10001, .length = kMss, .ip_id = swapped(10)}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 reordered ip_id"));
}

TEST(Reordering, RandomIpIdsDecideNothing) {
  Conversation story;
  story.handshake();
  uint16_t id = 1;
  for (uint32_t i = 0; i < 10; ++i) {
    id = static_cast<uint16_t>(id * 25173 + 13849);
    story.peer({.at = 30ms + i * 1ms, .seq = 1 + i * kMss, .length = kMss, .ip_id = id});
  }
  story.peer({.at = 50ms, .seq = 11001, .length = kMss, .ip_id = 500});
  story.peer({.at = 51ms, .seq = 10001, .length = kMss, .ip_id = 501}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 reordered proximity"));
}

TEST(Reordering, AckFieldDecidesWhereNothingElseDoes) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1001, .length = kMss, .ack = 1});
  story.peer({.at = 31ms, .seq = 1, .length = kMss, .ack = 51}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 retransmission before ack"));
}

TEST(Reordering, SackAboveAndDuplicateAcksAndTimeOutMeanRetransmission) {
  Conversation sacked;
  sacked.handshake();
  sacked.peer({.at = 30ms, .seq = 1001, .length = kMss});
  sacked.us({.at = 30ms, .ack = 1, .sack = {{1001, 2001}}});
  sacked.peer({.at = 60ms, .seq = 1, .length = kMss}).finish();
  EXPECT_THAT(sacked.verdicts(), ElementsAre("peer 1 retransmission before sack_above"));

  Conversation duplicates;
  duplicates.handshake();
  duplicates.us({.at = 21ms, .ack = 1});
  for (uint32_t i = 1; i < 4; ++i) {
    duplicates.peer({.at = 30ms, .seq = 1 + i * kMss, .length = kMss});
    duplicates.us({.at = 30ms, .ack = 1});
  }
  duplicates.peer({.at = 60ms, .seq = 1, .length = kMss}).finish();
  EXPECT_THAT(duplicates.verdicts(), ElementsAre("peer 1 retransmission before duplicate_acks"));
  EXPECT_EQ(duplicates.egress().duplicate_acks, 3u);

  Conversation late;
  late.handshake();
  late.peer({.at = 30ms, .seq = 1001, .length = kMss});
  late.peer({.at = 300ms, .seq = 1, .length = kMss}).finish();
  EXPECT_THAT(late.verdicts(), ElementsAre("peer 1 retransmission before time_out"));
}

// The retransmission overtakes the original: what filled the hole was needless after all.
// What the receiver waits before it acknowledges, the sender need not wait before it repeats.
TEST(Reordering, DelayedAcknowledgmentsMakeNoRetransmissionTooSoon) {
  Conversation story;
  story.handshake();
  for (uint32_t i = 0; i < 4; ++i) {
    story.peer({.at = 100ms * (i + 1), .seq = 1 + i * kMss, .length = kMss});
    story.us({.at = 100ms * (i + 1) + 40ms, .ack = 1 + (i + 1) * kMss});
  }
  story.peer({.at = 600ms, .seq = 5001, .length = kMss});
  story.us({.at = 600ms, .ack = 4001, .sack = {{5001, 6001}}});
  story.peer({.at = 622ms, .seq = 4001, .length = kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 4001 retransmission before sack_above"));
}

TEST(Reordering, OriginalAfterItsRetransmission) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1001, .length = kMss, .tsval = 100});
  story.peer({.at = 60ms, .seq = 1, .length = kMss, .tsval = 130});
  story.peer({.at = 70ms, .seq = 1, .length = kMss, .tsval = 99}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("peer 1 retransmission before tsval",
                          "peer 1 spurious_retransmission tsval (was retransmission)",
                          "peer 1 reordered tsval"));
  EXPECT_EQ(story.ingress().lost(Side::kBefore, LossMethod::kSequence), 0u);
  EXPECT_EQ(story.ingress().reordered_segments, 1u);
  EXPECT_EQ(story.ingress().spurious_retransmissions, 1u);
}

TEST(Reordering, OriginalAfterARetransmissionThatSeemedInOrder) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss, .tsval = 130});
  story.peer({.at = 31ms, .seq = 1, .length = kMss, .tsval = 99}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 spurious_retransmission tsval (was in_order)",
                                            "peer 1 reordered tsval"));
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
}

// Two originals are overtaken by one repeat of both, and the network copies the second.
TEST(Reordering, OriginalsOfOneRepeatAreCountedOnceEach) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = 2 * 1448, .tsval = 130});
  story.peer({.at = 31ms, .seq = 1, .length = 1448, .tsval = 99});
  story.peer({.at = 32ms, .seq = 1449, .length = 1448, .tsval = 99});
  story.peer({.at = 33ms, .seq = 1449, .length = 1448, .tsval = 99}).finish();
  EXPECT_EQ(story.ingress().retransmitted_segments, 2u);
  EXPECT_EQ(story.ingress().spurious_retransmissions, 2u);
  EXPECT_EQ(story.ingress().reordered_segments, 2u);
  EXPECT_EQ(story.ingress().duplicate_packets, 1u);
}

TEST(Duplicate, SameIpIdSoonIsTheNetworks) {
  Conversation story;
  story.handshake();
  const uint32_t seq = ten_segments(story);
  story.peer({.at = 50ms, .seq = seq, .length = kMss, .ip_id = 110});
  story.peer({.at = 52ms, .seq = seq, .length = kMss, .ip_id = 110}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 duplicate ip_id"));
  EXPECT_EQ(story.ingress().duplicate_packets, 1u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 0u);
}

// Some servers resend a stored packet, number and all.
TEST(Duplicate, SameIpIdAfterATimeOutIsARetransmission) {
  Conversation story;
  story.handshake();
  const uint32_t seq = ten_segments(story);
  story.peer({.at = 50ms, .seq = seq, .length = kMss, .ip_id = 110});
  story.peer({.at = 350ms, .seq = seq, .length = kMss, .ip_id = 110}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 retransmission after seen_before"));
}

TEST(Duplicate, PureAcknowledgmentWithTheSameIpId) {
  Conversation story;
  story.handshake();
  ten_segments(story);
  story.peer({.at = 50ms, .seq = 10001, .ip_id = 110});
  story.peer({.at = 50ms, .seq = 10001, .ip_id = 110}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 10001 duplicate ip_id"));
  EXPECT_EQ(story.ingress().duplicate_acks, 0u);
}

// What came twice is answered twice, within one tick of the timestamps. Sooner than an answer can
// be, it is the network's copy.
TEST(Duplicate, AcknowledgmentWithoutNumberSaidAgainOnceMoreWasHeard) {
  for (const auto& [apart, copies] : {std::pair(20ms, 0u), std::pair(2ms, 1u)}) {
    Conversation story;
    story.us({.seq = 0, .ack = 0, .flags = kSyn, .bits = kSackPermitted | kOptionsComplete});
    story.peer({.at = 20ms,
                .seq = 0,
                .flags = kSyn | kAck,
                .tsval = 5,
                .bits = kSackPermitted | kOptionsComplete});
    story.us({.at = 20ms});
    story.us({.at = 30ms, .seq = 1, .length = 1000});
    const Packet ack = {.at = 50ms, .ack = 1001, .tsval = 35, .bits = kOptionsComplete};
    story.peer(ack);
    story.us({.at = 50ms + apart / 2, .seq = 1, .length = 1000});
    Packet again = ack;
    again.at += apart;
    story.peer(again).finish();
    EXPECT_EQ(story.ingress().duplicate_packets, copies);
  }
}

TEST(Duplicate, WithoutIpIdTheWholeHeaderMustAgree) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss, .tsval = 7, .tsecr = 3, .checksum = 99});
  story.peer({.at = 31ms, .seq = 1, .length = kMss, .tsval = 7, .tsecr = 3, .checksum = 99});
  story.peer({.at = 32ms, .seq = 1, .length = kMss, .tsval = 7, .tsecr = 4, .checksum = 98});
  story.finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("peer 1 duplicate identical", "peer 1 retransmission after seen_before"));
}

// On a LAN a sender may hear of a loss and send the same header again within a millisecond.
TEST(Duplicate, NotWhileTheReceiverMissesTheBytes) {
  Conversation story;
  story.handshake(1ms);
  for (uint32_t i = 0; i < 3; ++i) {
    story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss, .tsval = 7, .checksum = 9});
  }
  story.peer({.at = 30500us, .ack = 1, .sack = {{1001, 3001}}});
  story.us({.at = 30600us, .seq = 1, .length = kMss, .tsval = 7, .checksum = 9}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission after seen_before"));
}

// Our own host took 70 us to answer the SYN-ACK; told by a SACK, it sends again within 20.
TEST(Duplicate, NotSoonerThanAHostHasAnsweredBefore) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 100us, .seq = 0, .ack = 1, .flags = kSyn | kAck});
  story.us({.at = 170us, .seq = 1, .ack = 1});
  for (uint32_t i = 0; i < 3; ++i) {
    story.us({.at = 1ms, .seq = 1 + i * kMss, .length = kMss, .tsval = 7, .checksum = 9});
  }
  story.peer({.at = 1010us, .ack = 1, .sack = {{1001, 3001}}});
  story.us({.at = 1020us, .seq = 1, .length = kMss, .tsval = 7, .checksum = 9}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission after seen_before"));
}

// RACK: a repeat that was sent after the tail has arrived, so the tail is lost; nothing is SACKed
// above it, and it is not the next byte that is asked for.
TEST(Duplicate, NotOnceSomethingSentLaterHasArrived) {
  Conversation story;
  story.handshake(1ms);
  for (uint32_t i = 0; i < 4; ++i) {
    story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss, .tsval = 7, .checksum = 9});
  }
  story.peer({.at = 30100us, .ack = 1, .sack = {{1001, 2001}}});
  story.us({.at = 30110us, .seq = 1, .length = kMss, .tsval = 7, .checksum = 8});
  story.peer({.at = 30200us, .ack = 2001});
  story.us({.at = 30210us, .seq = 3001, .length = kMss, .tsval = 7, .checksum = 9}).finish();
  EXPECT_THAT(story.verdicts().back(), "us 3001 retransmission after seen_before");
}

// The last segment of a flight is lost too: nothing above it can be SACKed.
TEST(Duplicate, NotAfterAPartialAcknowledgment) {
  Conversation story;
  story.handshake(1ms);
  for (uint32_t i = 0; i < 3; ++i) {
    story.us({.at = 30ms, .seq = 1 + i * kMss, .length = kMss, .tsval = 7, .checksum = 9});
  }
  story.peer({.at = 30500us, .ack = 2001});
  story.us({.at = 30501us, .seq = 2001, .length = kMss, .tsval = 7, .checksum = 9}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 2001 retransmission after seen_before"));
}

TEST(NotLoss, EmptySegmentBelowTheHighestIsAKeepAlive) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001});
  story.us({.at = 10s, .seq = 1000}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1000 keep_alive acknowledged"));
  EXPECT_EQ(story.egress().retransmitted_segments, 0u);
}

TEST(NotLoss, OneAcknowledgedByteAfterIdlingIsAKeepAlive) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001});
  story.us({.at = 10s, .seq = 1000, .length = 1}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1000 keep_alive acknowledged"));
}

// Wireshark errs here.
TEST(NotLoss, OneUnacknowledgedByteIsARetransmission) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = 1});
  story.us({.at = 2s, .seq = 1, .length = 1}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("us 1 retransmission after seen_before"));
}

TEST(NotLoss, ProbesOfAClosedWindow) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.us({.at = 300ms, .seq = 1000});               // as Linux does
  story.us({.at = 700ms, .seq = 1001, .length = 1});  // as others do
  story.us({.at = 1500ms, .seq = 1001, .length = 1});
  story.peer({.at = 2s, .ack = 1001, .window = 1000});
  story.us({.at = 2s, .seq = 1001, .length = kMss});  // the probed byte again: nobody's loss
  story.peer({.at = 2020ms, .ack = 2001}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("us 1000 window_probe window", "us 1001 window_probe window",
                          "us 1001 window_probe window"));
  EXPECT_EQ(story.egress().unseen_bytes, 0u);
}

TEST(NotLoss, ByteOfAProbeMayBeAccepted) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 50ms, .ack = 1001, .window = 0});
  story.us({.at = 700ms, .seq = 1001, .length = 1});
  story.peer({.at = 720ms, .ack = 1002, .window = 1000});
  story.us({.at = 721ms, .seq = 1002, .length = kMss}).finish();
  EXPECT_THAT(story.verdicts(), SizeIs(1));
  EXPECT_EQ(story.egress().unseen_bytes, 0u);
}

TEST(NotLoss, ResetsAreNeverScored) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  for (int i = 0; i < 3; ++i) story.us({.at = 40ms, .seq = 500, .flags = kRst | kAck});
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.egress().resets, 3u);
}

TEST(NotLoss, SegmentFarOutsideAnyWindowLeavesNoHole) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 31ms, .seq = 1U << 31, .length = kMss});
  story.peer({.at = 32ms, .seq = 1001, .length = kMss});
  story.us({.at = 33ms, .ack = 2001}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

}  // namespace
}  // namespace lossgazer::test
