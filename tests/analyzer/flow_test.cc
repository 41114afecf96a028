// Connections as a whole: handshakes, streams met in their middle, super-packets, round trips, and
// whose they are.

#include <gmock/gmock.h>

#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1000;

TEST(Handshake, RepeatedSynIsUnansweredUntilAnswered) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 3s, .seq = 0, .ack = 0, .flags = kSyn});
  story.finish();
  EXPECT_EQ(story.egress().handshake_retransmissions[0], 2u);
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(story.egress().unanswered_segments, 2u);
  EXPECT_EQ(story.egress().lost(Side::kAfter, LossMethod::kSequence), 0u);
  EXPECT_THAT(story.egress().connections, ElementsAre(0, 0, 1));
}

TEST(Handshake, AnotherAnswerIsCountedWithWhatItCarries) {
  Conversation story;
  story.us({.seq = 0, .flags = kSyn, .mss = 1460});
  story.peer({.at = 10ms, .seq = 0, .flags = kSyn | kAck, .mss = 1460});
  story.peer({.at = 11ms, .seq = 500'000, .length = 3000, .flags = kSyn | kAck}).finish();
  EXPECT_EQ(story.ingress().packets, 4u);
  EXPECT_EQ(story.ingress().data_segments, 4u);
  EXPECT_EQ(story.ingress().payload_bytes, 3000u);
}

TEST(Handshake, RepeatedSynAckIsTheOtherDirections) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 1020ms, .seq = 0, .flags = kSyn | kAck});
  story.us({.at = 1020ms}).finish();
  EXPECT_EQ(story.ingress().handshake_retransmissions[1], 1u);
  EXPECT_EQ(story.egress().handshake_retransmissions[0], 0u);
  EXPECT_THAT(story.egress().connections, ElementsAre(1, 0, 0));
}

// The timer of the first answer runs out just when the SYN comes again: the same is sent twice, at
// once. Where the SYN came only once, the network made the second.
TEST(Handshake, SynAckThatComesTwiceWhereItsSynDidIsAnAnswerToEach) {
  for (const bool syn_again : {true, false}) {
    Conversation story;
    story.peer({.seq = 0, .ack = 0, .flags = kSyn});
    story.us({.at = 1ms, .seq = 0, .flags = kSyn | kAck});
    if (syn_again) story.peer({.at = 1010ms, .seq = 0, .ack = 0, .flags = kSyn});
    story.us({.at = 1011ms, .seq = 0, .flags = kSyn | kAck});
    story.us({.at = 1011ms + 160us, .seq = 0, .flags = kSyn | kAck});
    story.peer({.at = 1020ms}).finish();
    EXPECT_EQ(story.egress().handshake_retransmissions[1], syn_again ? 2u : 1u);
    EXPECT_EQ(story.egress().duplicate_packets, syn_again ? 0u : 1u);
  }
}

TEST(Handshake, ResetAnswerIsARefusal) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 20ms, .seq = 0, .flags = kRst | kAck}).finish();
  EXPECT_THAT(story.egress().connections, ElementsAre(0, 1, 0));
  EXPECT_EQ(story.ingress().resets, 1u);
}

TEST(Handshake, NewSynOnTheSamePortsIsANewConnection) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.us({.at = 1s, .seq = 100000, .ack = 0, .flags = kSyn});
  story.peer({.at = 1020ms, .seq = 700000, .ack = 100001, .flags = kSyn | kAck});
  story.us({.at = 1020ms, .seq = 100001, .length = kMss, .ack = 700001}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_THAT(story.egress().connections, ElementsAre(2, 0, 0));
}

TEST(Handshake, SimultaneousOpenRepeatsNoSyn) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 1ms, .seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 2ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 3ms, .seq = 0, .flags = kSyn | kAck}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

TEST(MidStream, FirstSegmentIsTheBase) {
  Conversation story;
  story.us({.at = 0ms, .ack = 50001});
  story.peer({.at = 1ms, .seq = 90001, .length = kMss});
  story.peer({.at = 2ms, .seq = 91001, .length = kMss});
  story.us({.at = 3ms, .ack = 92001}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().unseen_bytes, 0u);
}

TEST(MidStream, SegmentBelowTheBaseIsComparedWithTheFirstOne) {
  Conversation story;
  story.peer({.at = 1ms, .seq = 90001, .length = kMss, .tsval = 10});
  story.peer({.at = 2ms, .seq = 89001, .length = kMss, .tsval = 9});
  story.peer({.at = 40ms, .seq = 87001, .length = kMss, .tsval = 50});
  story.peer({.at = 41ms, .seq = 88001, .length = kMss, .tsval = 51}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("peer 89001 reordered tsval", "peer 87001 retransmission tsval",
                          "peer 88001 retransmission tsval"));
}

TEST(SuperPackets, CountAsTheWirePacketsTheyStandFor) {
  Conversation story;
  story.handshake();  // announces 1460
  story.us({.at = 30ms, .seq = 1, .length = 10 * 1460});
  story.us({.at = 260ms, .seq = 1, .length = 2 * 1460});
  story.peer({.at = 300ms, .ack = 14601}).finish();
  EXPECT_EQ(story.egress().data_segments, 1u + 10u + 2u);
  EXPECT_EQ(story.egress().retransmitted_segments, 2u);
  EXPECT_EQ(story.egress().lost(Side::kAfter, LossMethod::kSequence), 2u);
}

TEST(SuperPackets, TimestampsMakeTheirPacketsSmaller) {
  Conversation story;
  story.handshake();
  story.us({.at = 30ms, .seq = 1, .length = 10 * 1448, .tsval = 5}).finish();
  EXPECT_EQ(story.egress().data_segments, 11u);
}

// A jumbo frame that took one number was one packet on the wire.
TEST(SuperPackets, IpIdsShowLargeWirePackets) {
  Conversation story;
  for (uint16_t i = 0; i < 10; ++i) {
    story.peer({.at = i * 1ms,
                .seq = 1 + i * 8948U,
                .length = 8948,
                .ip_id = static_cast<uint16_t>(1 + i)});
  }
  story.finish();
  const uint64_t believed = story.ingress().data_segments;
  EXPECT_EQ(believed, 4u * 7u + 6u)
      << "super-packets until four numbers were seen, then single ones";
}

TEST(SuperPackets, LateOneTeachesNothing) {
  Conversation story;
  story.handshake();
  uint32_t seq = 1;
  for (uint16_t id = 100; id < 110; ++id, seq += 1460) {
    story.peer({.at = 30ms + id * 1us, .seq = seq, .length = 1460, .ip_id = id});
  }
  story.peer({.at = 31ms, .seq = seq + 10 * 1460, .length = 1460, .ip_id = 120});
  story.peer({.at = 31100us, .seq = seq, .length = 10 * 1460, .ip_id = 110});
  story.peer({.at = 31200us, .seq = seq + 11 * 1460, .length = 1460, .ip_id = 121});
  story.peer({.at = 31300us, .seq = seq + 12 * 1460, .length = 10 * 1460, .ip_id = 122});
  story.finish();
  EXPECT_EQ(story.ingress().data_segments, 1u + 10u + 1u + 10u + 1u + 10u);
}

TEST(RoundTrip, HandshakeAndDataAreMeasured) {
  Conversation story;
  story.handshake(20ms);
  story.us({.at = 30ms, .seq = 1, .length = kMss});
  story.peer({.at = 60ms, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().rtt_count, 2u);
  EXPECT_EQ(story.egress().rtt_sum, 50ms);
  EXPECT_EQ(story.ingress().rtt_count, 1u) << "SYN-ACK to ACK, on our side";
}

// Three copies of the SYN-ACK went out: the echo says which one is answered.
TEST(RoundTrip, EchoTellsWhichSynAckCameFirst) {
  Conversation story;
  story.peer({.seq = 0, .ack = 0, .flags = kSyn, .tsval = 7});
  story.us({.at = 1ms, .seq = 0, .flags = kSyn | kAck, .tsval = 100, .tsecr = 7});
  story.us({.at = 1001ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1100, .tsecr = 7});
  story.us({.at = 1011ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1110, .tsecr = 7});
  story.peer({.at = 1021ms, .tsval = 1030, .tsecr = 1100}).finish();
  EXPECT_EQ(story.egress().rtt_count, 1u);
  EXPECT_EQ(story.egress().rtt_sum, 20ms);
}

TEST(RoundTrip, NothingSentAgainIsMeasuredWithoutTimestamps) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 1020ms, .seq = 0, .flags = kSyn | kAck}).finish();
  EXPECT_EQ(story.egress().rtt_count, 0u);
}

TEST(RoundTrip, FirstEchoOfANewTimestampIsMeasured) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn, .tsval = 5});
  story.peer({.at = 20ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1, .tsecr = 5});
  story.us({.at = 1s, .seq = 1, .length = kMss, .tsval = 1005, .tsecr = 1});
  story.us({.at = 1300ms, .seq = 1, .length = kMss, .tsval = 1305, .tsecr = 1});
  story.peer({.at = 1330ms, .ack = 1001, .tsval = 1330, .tsecr = 1005}).finish();
  EXPECT_EQ(story.egress().rtt_sum, 20ms + 330ms) << "the first copy was answered, late";
}

// The first SYN came, and its answer was lost: the echo says nothing of the path.
TEST(RoundTrip, AnswerToARepeatedSynIsNotMeasured) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn, .tsval = 5});
  story.us({.at = 1s, .seq = 0, .ack = 0, .flags = kSyn, .tsval = 1005});
  story.peer({.at = 1020ms, .seq = 0, .flags = kSyn | kAck, .tsval = 1, .tsecr = 5}).finish();
  EXPECT_EQ(story.egress().rtt_count, 0u);
  EXPECT_EQ(story.egress().spurious_retransmissions, 1u) << "Eifel: the repeat was needless";
}

TEST(RoundTrip, NoneIsMeasuredAcrossAClockThatWasSet) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn});
  story.peer({.at = 90s, .seq = 0, .flags = kSyn | kAck});
  EXPECT_EQ(story.egress().rtt_count, 1u);
  story.us({.at = 91s, .seq = 1, .length = kMss});
  story.peer({.at = 180s, .ack = 1});  // keeps the flow alive
  story.peer({.at = 260s, .ack = 1001}).finish();
  EXPECT_EQ(story.egress().rtt_count, 1u);
}

TEST(Copies, SamePacketOnAnotherInterfaceIsIgnored) {
  Conversation story;
  for (uint32_t i = 0; i < 10; ++i) {
    const Duration at = i * 10ms;
    story.peer({.at = at, .seq = 1 + i * kMss, .length = kMss, .link = 2});
    story.peer({.at = at + 20us, .seq = 1 + i * kMss, .length = kMss, .link = 3});
  }
  story.finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(story.ingress().data_segments, 10u);
  EXPECT_EQ(story.outcome().judged, 10u);
  EXPECT_EQ(story.outcome().ignored[static_cast<size_t>(IgnoreReason::kCopy)], 10u);
}

TEST(Copies, FlowThatMovesToAnotherInterfaceIsFollowed) {
  Conversation story;
  story.peer({.at = 0s, .seq = 1, .length = kMss, .link = 2});
  story.peer({.at = 5s, .seq = 1001, .length = kMss, .link = 3});
  story.peer({.at = 5001ms, .seq = 2001, .length = kMss, .link = 3}).finish();
  EXPECT_EQ(story.outcome().judged, 3u);
}

TEST(Markers, AreCountedForTheirSender) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = kMss, .bits = kCongestionExperienced});
  story.us({.at = 31ms, .ack = 1001, .window = 0}).finish();
  EXPECT_EQ(story.ingress().ecn_ce_packets, 1u);
  EXPECT_EQ(story.egress().zero_windows, 1u);
  EXPECT_EQ(story.ingress().zero_windows, 0u);
}

}  // namespace
}  // namespace lossgazer::test
