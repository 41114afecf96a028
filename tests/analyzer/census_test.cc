// What identification numbers that never come say of loss before the capture point, whatever the
// packets carried, and which counters say nothing.

#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include "analyzer/id_gap_list.h"
#include "analyzer/ip_id_mode.h"
#include "analyzer/shared_counters.h"
#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using namespace std::chrono_literals;

constexpr uint32_t kMss = 1460;

uint64_t by_census(const LossCounters& counters) {
  return counters.lost(Side::kBefore, LossMethod::kCensus);
}
uint64_t by_sequence(const LossCounters& counters) {
  return counters.lost(Side::kBefore, LossMethod::kSequence) +
         counters.lost(Side::kAfter, LossMethod::kSequence);
}
uint16_t swapped(int value) { return static_cast<uint16_t>((value & 255) << 8 | value >> 8); }

// Numbers that no counter gives, the same ones each time (Numerical Recipes' generator).
class Lots {
 public:
  uint16_t draw() { return static_cast<uint16_t>((state_ = state_ * 1664525 + 1013904223) >> 16); }

 private:
  uint32_t state_ = 7;
};

// The peer sends full segments, a millisecond apart, and we acknowledge each; or the other way
// round: we send them, and the peer acknowledges. Only the peer's packets have numbers.
struct Stream {
  Conversation& story;
  int ip_id = 100;
  Duration at = 30ms;
  uint32_t seq = 1;
  uint16_t connection = 0;
  uint32_t hole = 0;  // where bytes are missing, 0 if none are

  uint16_t number() { return static_cast<uint16_t>(ip_id++); }
  void data(int count) {
    for (int i = 0; i < count; ++i) data_numbered(number());
  }
  void data_numbered(uint16_t id) {
    at += 1ms;
    story.peer({.at = at, .seq = seq, .length = kMss, .ip_id = id, .connection = connection});
    seq += kMss;
    story.us({.at = at, .ack = hole != 0 ? hole : seq, .connection = connection});
  }
  void lost_data() {
    at += 1ms;
    if (hole == 0) hole = seq;
    seq += kMss;
    number();
  }
  // The segment at the hole comes again, the only one that is missing.
  void repair(Duration later = 20ms) {
    at += later;
    story.peer({.at = at, .seq = hole, .length = kMss, .ip_id = number()});
    hole = 0;
    story.us({.at = at, .ack = seq});
  }
  void acks(int count) {
    for (int i = 0; i < count; ++i) ack_numbered(number());
  }
  void ack_numbered(uint16_t id) {
    at += 1ms;
    story.us({.at = at, .seq = seq, .length = kMss, .connection = connection});
    seq += kMss;
    story.peer({.at = at + 500us, .ack = seq, .ip_id = id, .connection = connection});
  }
  void lost_ack() {
    at += 1ms;
    story.us({.at = at, .seq = seq, .length = kMss, .connection = connection});
    seq += kMss;
    number();
  }
};

TEST(Census, CleanStreamCountsItsPacketsAndNoLoss) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(100);
  story.finish();
  EXPECT_EQ(story.ingress().census_packets, 100u);
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

TEST(Census, LostAcknowledgmentsAreCountedAndNothingElseShowsThem) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  for (int i = 0; i < 10; ++i) {
    stream.acks(9);
    stream.lost_ack();
  }
  stream.acks(10);
  story.tick(5s);
  EXPECT_EQ(by_census(story.ingress()), 10u);
  EXPECT_EQ(story.ingress().census_packets, 100u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 0u);
  EXPECT_EQ(story.egress().retransmitted_segments, 0u);
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

// Every third one: as many as an acknowledging direction may lose and keep its trust.
TEST(Census, EveryThirdAcknowledgmentMayBeLost) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  for (int i = 0; i < 100; ++i) {
    stream.acks(3);
    stream.lost_ack();
  }
  stream.acks(5);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 100u);
}

TEST(Census, LossThatLeavesAHoleIsCountedOnceByTheCensus) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.lost_data();
  stream.data(5);
  stream.repair();
  story.finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 29201 retransmission before ip_id"));
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().census_packets, 26u);
}

TEST(Census, LossAmongTheFirstPacketsIsCountedOnceToo) {
  for (int before = 1; before < 6; ++before) {
    Conversation story;
    story.handshake();
    Stream stream{story};
    stream.data(before);
    stream.lost_data();
    stream.data(5);
    stream.repair();
    story.finish();
    EXPECT_EQ(by_census(story.ingress()) + by_sequence(story.ingress()), 1u) << before;
  }
}

TEST(Census, PacketLostTwiceIsCountedTwice) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.lost_data();
  stream.data(5);
  stream.number();  // the first retransmission
  stream.data(5);
  stream.repair(250ms);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 2u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
}

TEST(Census, LostTailIsCountedWhenItsRepeatCame) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  const uint32_t tail = stream.seq;
  stream.lost_data();
  stream.lost_data();
  story.peer({.at = 300ms, .seq = tail, .length = kMss, .ip_id = stream.number()});
  story.us({.at = 300ms, .ack = tail + kMss});
  story.peer({.at = 301ms, .seq = tail + kMss, .length = kMss, .ip_id = stream.number()});
  story.us({.at = 301ms, .ack = tail + 2 * kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 29201 retransmission before skipped_ip_id",
                                            "peer 30661 retransmission before skipped_ip_id"));
  EXPECT_EQ(by_census(story.ingress()), 2u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
}

TEST(Census, TailLostTwiceIsCountedTwice) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.number();
  stream.number();
  story.peer({.at = 700ms, .seq = stream.seq, .length = kMss, .ip_id = stream.number()});
  story.us({.at = 700ms, .ack = stream.seq + kMss}).finish();
  EXPECT_EQ(by_census(story.ingress()), 2u);
}

TEST(Census, NumberThatComesWithinTheGraceIsNoLoss) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  const uint16_t late = stream.number();
  stream.acks(5);
  story.peer({.at = stream.at + 900ms, .ack = stream.seq - 5 * kMss, .ip_id = late});
  story.tick(5s).finish();
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().census_packets, 26u);
  EXPECT_EQ(story.ingress().duplicate_packets, 0u);
}

// More numbers than the peer owed acknowledgments for: not counted, but not seen either.
TEST(Census, LateAcknowledgmentsThatNewDataOvertookAreNoDuplicates) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  std::vector<uint16_t> late;
  for (int i = 0; i < 4; ++i) late.push_back(stream.number());
  story.peer({.at = stream.at + 1ms, .length = kMss, .ack = stream.seq, .ip_id = stream.number()});
  for (const uint16_t id : late) {
    story.peer({.at = stream.at + 2ms, .ack = stream.seq, .ip_id = id});
  }
  story.tick(5s).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(by_census(story.ingress()), 0u);
}

TEST(Census, NumberThatComesAfterTheGraceStaysCounted) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  const uint16_t late = stream.number();
  const uint32_t late_seq = stream.seq;
  stream.seq += kMss;
  stream.data(5);
  stream.at += 1100ms;
  stream.data(1);
  EXPECT_EQ(by_census(story.ingress()), 1u);
  story.peer({.at = stream.at + 1ms, .seq = late_seq, .length = kMss, .ip_id = late});
  stream.at += 1ms;
  stream.data(5);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
}

TEST(Census, GraceEndsAfterManyNumbersToo) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  const auto late = static_cast<uint16_t>(stream.ip_id);
  stream.lost_ack();
  for (int i = 0; i < IpIdMode::kHorizon - 1; ++i) {
    stream.at -= 960us;  // all within 0.7 s
    stream.acks(1);
  }
  EXPECT_EQ(by_census(story.ingress()), 0u);
  stream.at -= 960us;
  stream.acks(3);
  EXPECT_EQ(by_census(story.ingress()), 1u);
  story.peer({.at = stream.at, .ack = 1 + 21 * kMss, .ip_id = late});
  stream.acks(20);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().census_packets, 20u + IpIdMode::kHorizon + 3 + 19 + 1);
}

TEST(Census, CounterGoesRound) {
  Conversation story;
  story.handshake();
  Stream stream{story, 65526};
  stream.acks(8);
  stream.lost_ack();  // 65534
  stream.acks(2);     // 65535 and 0
  stream.lost_ack();  // 1
  stream.acks(66000);
  stream.lost_ack();
  stream.acks(3);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 3u);
  EXPECT_EQ(story.ingress().census_packets, 8u + 2 + 66000 + 3);
}

TEST(Census, NumbersLostWhereTheCounterGoesRound) {
  Conversation story;
  story.handshake();
  Stream stream{story, 65520};
  stream.acks(14);
  for (int i = 0; i < 3; ++i) stream.lost_ack();  // 65534, 65535 and 0
  stream.acks(5);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 3u);
}

TEST(Census, SuperPacketsTakeSeveralNumbers) {
  Conversation story;
  story.handshake();
  uint32_t seq = 1;
  int ip_id = 100;
  for (int i = 0; i < 40; ++i, seq += 4 * kMss, ip_id += 4) {
    if (i == 20) continue;  // lost as a whole
    story.us({.at = 30ms + i * 1ms,
              .seq = seq,
              .length = 4 * kMss,
              .ip_id = static_cast<uint16_t>(ip_id)});
    story.peer({.at = 30ms + i * 1ms, .ack = i < 20 ? seq + 4 * kMss : 1 + 80 * kMss});
  }
  story.finish();
  EXPECT_EQ(story.egress().census_packets, 39u * 4);
  EXPECT_EQ(by_census(story.egress()), 4u);
  EXPECT_EQ(by_sequence(story.egress()), 0u);
}

TEST(Census, FlowBornMidStreamCountsFromItsFirstPacket) {
  Conversation story;
  Stream stream{.story = story, .ip_id = 9000, .seq = 5'000'000};
  stream.data(20);
  stream.lost_data();
  stream.data(10);
  stream.repair();
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().census_packets, 31u);
}

// A number from before the first packet seen was not seen, although the counter went round between.
TEST(Census, NumberBeforeTheFirstOneIsNoDuplicate) {
  Conversation story;
  story.handshake();
  Stream stream{story, 3};
  stream.acks(20);
  story.peer({.at = stream.at + 1ms, .ack = stream.seq, .ip_id = 65530}).finish();
  EXPECT_EQ(story.ingress().duplicate_packets, 0u);
  EXPECT_EQ(by_census(story.ingress()), 0u);
}

TEST(Census, RandomNumbersSayNothing) {
  Conversation story;
  story.handshake();
  Lots lots;
  Stream stream{story};
  for (int i = 0; i < 500; ++i) stream.data_numbered(lots.draw());
  for (int i = 0; i < 500; ++i) stream.ack_numbered(lots.draw());
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().census_packets, 0u);
  EXPECT_EQ(story.ingress().duplicate_packets, 0u);
}

TEST(Census, ConstantNumbersSayNothing) {
  for (const uint16_t constant : {uint16_t{0}, uint16_t{1}, uint16_t{40000}}) {
    Conversation story;
    story.handshake();
    Stream stream{story};
    for (int i = 0; i < 100; ++i) stream.data_numbered(constant);
    story.finish();
    EXPECT_EQ(by_census(story.ingress()), 0u) << constant;
    EXPECT_EQ(story.ingress().census_packets, 0u) << constant;
    EXPECT_EQ(story.ingress().duplicate_packets, 0u) << constant;
  }
  for (const uint16_t constant : {uint16_t{0}, uint16_t{1}, uint16_t{40000}}) {
    Conversation story;
    story.handshake();
    Stream stream{story};
    for (int i = 0; i < 100; ++i) stream.ack_numbered(constant);
    story.finish();
    EXPECT_EQ(by_census(story.ingress()), 0u) << constant;
    EXPECT_EQ(story.ingress().census_packets, 0u) << constant;
    EXPECT_EQ(story.ingress().duplicate_packets, 0u) << constant;
  }
}

TEST(Census, ByteSwappedNumbersLoseNothing) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  for (int i = 0; i < 1000; ++i) stream.data_numbered(swapped(100 + i));
  for (int i = 0; i < 1000; ++i) stream.ack_numbered(swapped(1100 + i));
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().census_packets, 0u);
}

// One counter for two connections that we both see. `take` makes a packet of one of them.
template <typename Next, typename Take>
void share_counter(Conversation& story, Next next_connection, Take take) {
  Stream first{story};
  Stream second{.story = story, .connection = 1};
  int ip_id = 100;
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Stream& stream = next_connection(i) == 0 ? first : second;
      first.at = second.at = std::max(first.at, second.at);
      take(stream, static_cast<uint16_t>(ip_id++));
    }
  };
  send(120);
  const uint64_t soon = story.ingress().census_packets;
  EXPECT_LE(soon, 90u) << "three runs of 12, and back";
  send(2000);
  story.finish();
  EXPECT_EQ(story.ingress().census_packets, soon) << "it did not begin anew";
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().duplicate_packets, 0u);
  EXPECT_THAT(story.verdicts(), IsEmpty());
}

constexpr auto kData = [](Stream& stream, uint16_t id) { stream.data_numbered(id); };
constexpr auto kAcks = [](Stream& stream, uint16_t id) { stream.ack_numbered(id); };

TEST(Census, CounterSharedWithAVisibleSiblingAlternating) {
  for (const auto& take : {+kData, +kAcks}) {
    Conversation story;
    share_counter(
        story, [](int i) { return i & 1; }, take);
  }
}

TEST(Census, CounterSharedWithAVisibleSiblingNowAndThen) {
  for (const auto& take : {+kData, +kAcks}) {
    Conversation story;
    Lots lots;
    share_counter(
        story, [&](int) { return lots.draw() % 7 == 0 ? 1 : 0; }, take);
  }
}

TEST(Census, CounterSharedWithAVisibleSiblingInRuns) {
  for (const auto& take : {+kData, +kAcks}) {
    Conversation story;
    share_counter(
        story, [&](int i) { return i / 12 % 2; }, take);
  }
}

// Nobody sees who takes every n-th number: no gap in the data, no acknowledgment that was owed, no
// wait. A sender of data alone has nothing to lose that would show so.
TEST(Census, CounterSharedWithAnInvisibleSiblingIsNoLossOfData) {
  for (const int every : {2, 3, 4, 5, 6, 7, 10, 25, 100}) {
    for (const int taken : {1, 3, 200}) {
      Conversation story;
      story.handshake();
      Stream stream{story};
      for (int i = 1; i < 2000; ++i) {
        if (i % every == 0) stream.ip_id += taken;
        stream.data(1);
      }
      story.finish();
      EXPECT_EQ(by_census(story.ingress()), 0u) << "every " << every << " took " << taken;
      EXPECT_EQ(by_sequence(story.ingress()), 0u);
      EXPECT_THAT(story.verdicts(), IsEmpty());
    }
  }
}

// While repeats are under way they may have taken the numbers: an invisible sibling that takes more
// than every third one is found out all the same.
TEST(Census, InvisibleSiblingOfALossyStreamIsFoundOut) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  for (int i = 0; i < 100; ++i) {
    stream.lost_data();
    for (int j = 0; j < 6; ++j) {
      stream.number();
      stream.data(2);
    }
    stream.repair();
  }
  story.finish();
  EXPECT_LE(story.ingress().census_packets, 80u);
  EXPECT_LE(by_census(story.ingress()), 5u);
  EXPECT_GE(by_sequence(story.ingress()), 95u);
}

TEST(Census, CounterThatJumpsOnceGoesOn) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.data_numbered(40000);
  stream.data(5);
  stream.lost_data();
  stream.data(5);
  stream.repair();
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().census_packets, 32u);
}

TEST(Census, CounterThatStaysElsewhereBeginsAnew) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.ip_id = 40000;
  stream.data(5);
  EXPECT_EQ(story.ingress().census_packets, 21u) << "the first was passed over";
  stream.data(30);  // a census that failed once takes longer to be trusted
  stream.lost_data();
  stream.data(5);
  stream.repair();
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().census_packets, 21u + 4 + 30 + 6);
}

TEST(Census, AcknowledgmentWithANumberSeenBeforeIsADuplicate) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  const auto number = static_cast<uint16_t>(stream.ip_id - 1);
  story.peer({.at = stream.at + 1ms, .ack = stream.seq, .ip_id = number});
  stream.acks(5);
  story.finish();
  EXPECT_EQ(story.ingress().duplicate_packets, 1u);
  EXPECT_EQ(story.egress().duplicate_acks + story.ingress().duplicate_acks, 0u);
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1 duplicate ip_id"));
  EXPECT_EQ(story.ingress().census_packets, 25u);
}

TEST(Census, ZeroOfSynAckAndOfTimeWaitIsNoNumber) {
  Conversation story;
  story.us({.seq = 0, .ack = 0, .flags = kSyn, .mss = 1460});
  story.peer({.at = 20ms, .seq = 0, .ack = 1, .flags = kSyn | kAck, .ip_id = 0, .mss = 1460});
  story.us({.at = 20ms});
  Stream stream{story, 12};
  stream.acks(20);
  story.peer(
      {.at = stream.at + 1ms, .ack = stream.seq, .flags = kFin | kAck, .ip_id = stream.number()});
  story.us({.at = stream.at + 2ms, .seq = stream.seq, .ack = 2, .flags = kFin | kAck});
  story.peer({.at = stream.at + 3ms, .seq = 2, .ack = stream.seq + 1, .ip_id = 0});
  story.peer({.at = stream.at + 4ms, .seq = 2, .ack = stream.seq + 1, .ip_id = 0}).finish();
  EXPECT_EQ(story.ingress().census_packets, 21u);
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().duplicate_packets, 0u);
}

TEST(Census, ResetWithANumberOfItsHostIsNotOfTheCounter) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  // Nobody believed it: the connection goes on.
  story.peer({.at = stream.at + 1ms,
              .seq = 1,
              .ack = 0,
              .flags = kRst,
              .ip_id = static_cast<uint16_t>(stream.ip_id + 50)});
  stream.at += 1ms;
  stream.acks(5);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().census_packets, 25u);
}

// peer > us: 1:14601, then an empty segment at 16061, and 14601:16061 after it.
TEST(Census, EmptySegmentBeyondTheHighestByteAnnouncesWhatWasSent) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(10);
  stream.number();
  story.peer({.at = 50ms, .seq = stream.seq + kMss, .ip_id = stream.number()});
  story.peer({.at = 90ms, .seq = stream.seq, .length = kMss, .ip_id = stream.number()});
  story.us({.at = 90ms, .ack = stream.seq + kMss}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 14601 retransmission before announced"));
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
}

// The same without numbers: the sequence estimate counts it.
TEST(Census, AnnouncementHoldsWithoutNumbersToo) {
  Conversation story;
  story.handshake();
  story.peer({.at = 30ms, .seq = 1, .length = 1000, .tsval = 10});
  story.peer({.at = 50ms, .seq = 2001, .tsval = 30});
  story.peer({.at = 90ms, .seq = 1001, .length = 1000, .tsval = 70});
  story.us({.at = 90ms, .ack = 2001}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre("peer 1001 retransmission before announced"));
  EXPECT_EQ(by_sequence(story.ingress()), 1u);
}

// Late by less than reordering takes, it was sent before the packet that announced it.
TEST(Census, AnnouncedDataThatIsOnlyLateIsNoRetransmission) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(10);
  const uint16_t late = stream.number();
  story.peer({.at = 50ms, .seq = stream.seq + kMss, .ip_id = stream.number()});
  story.peer({.at = 51ms, .seq = stream.seq, .length = kMss, .ip_id = late});
  story.us({.at = 51ms, .ack = stream.seq + kMss}).finish();
  EXPECT_THAT(story.verdicts(), IsEmpty());
  EXPECT_EQ(by_census(story.ingress()), 0u);
}

IdGap gap_of(uint32_t first, uint16_t count, CaptureTime opened = {}) {
  IdGap gap;
  gap.first = first;
  gap.count = count;
  gap.opened = opened;
  return gap;
}

// Gaps as {first number, count}, in their order; takes them all.
std::vector<std::pair<uint32_t, int>> drained(IdGapList& gaps, Pool<IdGap>& pool) {
  std::vector<std::pair<uint32_t, int>> left;
  while (!gaps.empty()) {
    const IdGap gap = gaps.take_oldest(pool);
    left.emplace_back(gap.first, gap.count);
  }
  EXPECT_EQ(pool.used(), 0u);
  return left;
}

class IdGaps : public testing::Test {
 protected:
  IdGaps() {
    EXPECT_TRUE(gaps_.open(pool_, gap_of(10, 10)));
    EXPECT_TRUE(gaps_.open(pool_, gap_of(30, 5)));
  }
  Pool<IdGap> pool_{1024};
  IdGapList gaps_;
};

TEST_F(IdGaps, NumberInTheMiddleCutsAGapInTwo) {
  EXPECT_EQ(gaps_.fill(pool_, 15, 1), 1u);
  EXPECT_FALSE(gaps_.contains(pool_, 15));
  EXPECT_TRUE(gaps_.contains(pool_, 14));
  EXPECT_TRUE(gaps_.contains(pool_, 16));
  EXPECT_EQ(gaps_.missing(pool_), 14u);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(10, 5), Pair(16, 4), Pair(30, 5)));
}

TEST(IdGapShare, AGapThatIsCutLosesNoMoreThanBefore) {
  Pool<IdGap> pool{16};
  IdGapList gaps;
  IdGap gap = gap_of(10, 10);
  gap.lost = 7;
  ASSERT_TRUE(gaps.open(pool, gap));
  gaps.fill(pool, 14, 1);
  const IdGap lower = gaps.take_oldest(pool);
  const IdGap upper = gaps.take_oldest(pool);
  EXPECT_EQ((std::array{lower.count, upper.count}), (std::array<uint16_t, 2>{4, 5}));
  EXPECT_EQ((std::array{lower.lost, upper.lost}), (std::array<uint16_t, 2>{4, 3}));
}

TEST_F(IdGaps, NumbersAtBothEndsShortenAGap) {
  EXPECT_EQ(gaps_.fill(pool_, 10, 2), 2u);
  EXPECT_EQ(gaps_.fill(pool_, 19, 1), 1u);
  EXPECT_EQ(gaps_.fill(pool_, 9, 1), 0u);
  EXPECT_EQ(gaps_.fill(pool_, 20, 10), 0u);
  EXPECT_EQ(gaps_.fill(pool_, 35, 1), 0u);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(12, 7), Pair(30, 5)));
}

TEST_F(IdGaps, NumbersOfASuperPacketSpanGaps) {
  EXPECT_EQ(gaps_.fill(pool_, 15, 17), 5u + 2);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(10, 5), Pair(32, 3)));
}

TEST_F(IdGaps, GapsThatAreFilledWholeAreGone) {
  EXPECT_EQ(gaps_.fill(pool_, 30, 5), 5u);
  EXPECT_TRUE(gaps_.open(pool_, gap_of(40, 1)));
  EXPECT_EQ(gaps_.newest(pool_).first, 40u);
  EXPECT_EQ(gaps_.fill(pool_, 0, 100), 11u);
  EXPECT_TRUE(gaps_.empty());
  EXPECT_EQ(pool_.used(), 0u);
}

TEST_F(IdGaps, PositionsGoRound) {
  gaps_.clear(pool_);
  EXPECT_TRUE(gaps_.open(pool_, gap_of(0xfffffffe, 4)));
  EXPECT_TRUE(gaps_.contains(pool_, 1));
  EXPECT_FALSE(gaps_.contains(pool_, 2));
  EXPECT_EQ(gaps_.fill(pool_, 0xffffffff, 2), 2u);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(0xfffffffe, 1), Pair(1, 1)));
}

TEST_F(IdGaps, LimitHoldsForOpeningAndForCutting) {
  for (uint32_t i = gaps_.size(); i < IdGapList::kMax; ++i) {
    EXPECT_FALSE(gaps_.full());
    EXPECT_TRUE(gaps_.open(pool_, gap_of(100 + 10 * i, 5)));
  }
  EXPECT_TRUE(gaps_.full());
  EXPECT_FALSE(gaps_.open(pool_, gap_of(100000, 5)));
  // No room for the upper part: its numbers are forgotten, and not counted.
  EXPECT_EQ(gaps_.fill(pool_, 15, 1), 1u);
  EXPECT_EQ(gaps_.size(), IdGapList::kMax);
  EXPECT_FALSE(gaps_.contains(pool_, 16));
  const IdGap oldest = gaps_.take_oldest(pool_);
  EXPECT_EQ(oldest.count, 5);
  gaps_.clear(pool_);
}

TEST_F(IdGaps, GraceIsASecondOrManyNumbers) {
  const CaptureTime start{std::chrono::hours(1)};
  gaps_.clear(pool_);
  EXPECT_FALSE(gaps_.is_due(pool_, start, 0));
  EXPECT_TRUE(gaps_.open(pool_, gap_of(10, 1, start)));
  EXPECT_FALSE(gaps_.is_due(pool_, start + 1s, 20));
  EXPECT_TRUE(gaps_.is_due(pool_, start + 1001ms, 20));
  EXPECT_FALSE(gaps_.is_due(pool_, start, 10 + IpIdMode::kHorizon));
  EXPECT_TRUE(gaps_.is_due(pool_, start, 11 + IpIdMode::kHorizon));
  gaps_.clear(pool_);
}

// A flow that lost more than fits counts the oldest at once.
TEST(Census, FullListCountsItsOldestGap) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(20);
  const int losses = IdGapList::kMax + 3;
  for (int i = 0; i < losses; ++i) {
    stream.at -= 3900us;  // all within the grace
    stream.lost_ack();
    stream.acks(3);
  }
  EXPECT_EQ(by_census(story.ingress()), 3u);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), static_cast<uint64_t>(losses));
}

IpIdMode::Census add(IpIdMode& mode, uint16_t ip_id, const IpIdMode::Skip& skip = {},
                     uint16_t packets = 1) {
  return mode.add(ip_id, packets, mode.step_to(ip_id), skip);
}

TEST(IpIdModes, ThreeStepsThatLeaveNothingOutBeginTheCensus) {
  IpIdMode mode;
  EXPECT_EQ(mode.step_to(7).kind, IdStep::Kind::kUnknown);
  for (uint16_t ip_id = 7; ip_id < 10; ++ip_id)
    EXPECT_EQ(add(mode, ip_id), IpIdMode::Census::kGoesOn);
  EXPECT_FALSE(mode.census_holds());
  EXPECT_EQ(add(mode, 10), IpIdMode::Census::kBegins);
  EXPECT_TRUE(mode.census_holds());
  EXPECT_EQ(mode.numbers_since_base(), 4u);
}

TEST(IpIdModes, StepsAreMeasuredFromTheLastNumberOfASuperPacket) {
  IpIdMode mode;
  add(mode, 100, {}, 4);
  EXPECT_EQ(mode.step_to(104).skipped, 0);
  EXPECT_EQ(mode.step_to(106).skipped, 2);
  EXPECT_EQ(mode.step_to(103).kind, IdStep::Kind::kNext);
  EXPECT_EQ(mode.step_to(100).kind, IdStep::Kind::kPast);
}

TEST(IpIdModes, HorizonIsAQuarterOfTheNumbers) {
  IpIdMode mode;
  add(mode, 100);
  EXPECT_EQ(mode.step_to(100 + IpIdMode::kHorizon).kind, IdStep::Kind::kNext);
  EXPECT_EQ(mode.step_to(101 + IpIdMode::kHorizon).kind, IdStep::Kind::kJump);
  EXPECT_EQ(mode.step_to(static_cast<uint16_t>(101 - IpIdMode::kHorizon)).kind,
            IdStep::Kind::kPast);
  EXPECT_EQ(mode.step_to(static_cast<uint16_t>(100 - IpIdMode::kHorizon)).kind,
            IdStep::Kind::kJump);
}

TEST(IpIdModes, ZeroCountsOnlyWhereTheCounterGoesRound) {
  IpIdMode mode;
  add(mode, 0);
  EXPECT_EQ(mode.step_to(1).kind, IdStep::Kind::kUnknown);
  add(mode, 65535);
  EXPECT_EQ(mode.step_to(0).kind, IdStep::Kind::kNext);
  EXPECT_EQ(mode.step_to(0).skipped, 0);
  add(mode, 0);
  EXPECT_EQ(mode.step_to(0).kind, IdStep::Kind::kUnknown);
  EXPECT_EQ(mode.step_to(1).skipped, 0);
}

TEST(IpIdModes, PositionsGrowWhenTheCounterGoesRound) {
  IpIdMode mode;
  uint32_t last = 0;
  for (uint32_t i = 0; i < 200'000; ++i) {
    const auto ip_id = static_cast<uint16_t>(65000 + i);
    const IdStep step = mode.step_to(ip_id);
    if (i > 0) {
      ASSERT_EQ(step.position, last + 1) << i;
    }
    mode.add(ip_id, 1, step, {});
    last = mode.newest_position();
  }
  EXPECT_EQ(mode.numbers_since_base(), 200'000u);
  EXPECT_TRUE(mode.is_since_base(last));
}

TEST(IpIdModes, PositionBeforeTheBaseIsNotSinceIt) {
  IpIdMode mode;
  for (uint16_t ip_id = 5; ip_id < 10; ++ip_id) add(mode, ip_id);
  EXPECT_TRUE(mode.is_since_base(mode.step_to(5).position));
  EXPECT_FALSE(mode.is_since_base(mode.step_to(4).position));
  EXPECT_FALSE(mode.is_since_base(mode.step_to(65530).position));
}

TEST(IpIdModes, SharedForGoodOnceASiblingWasSeenThreeTimes) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int strikes = 1; strikes <= 3; ++strikes) {
    for (int i = 0; i < 20; ++i) add(mode, ip_id++);
    EXPECT_TRUE(mode.census_holds()) << "counters may come close by chance";
    ip_id = static_cast<uint16_t>(ip_id + 2);
    add(mode, static_cast<uint16_t>(ip_id - 1), {.shared = true});
  }
  EXPECT_FALSE(mode.census_holds());
  for (int i = 0; i < 200; ++i) EXPECT_EQ(add(mode, ip_id++), IpIdMode::Census::kGoesOn);
  EXPECT_FALSE(mode.may_be_own());
  EXPECT_TRUE(mode.sequential()) << "order it still tells";
}

// A sibling now and then, among gaps of the flow's own, is chance.
TEST(IpIdModes, GapsOfItsOwnSpeakAgainstSiblings) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int i = 0; i < 20; ++i) add(mode, ip_id++);
  for (int round = 0; round < 50; ++round) {
    for (const bool shared : {true, false, false}) {
      for (int i = 0; i < 20; ++i) add(mode, ip_id++);
      ip_id = static_cast<uint16_t>(ip_id + 2);
      add(mode, static_cast<uint16_t>(ip_id - 1), {.plausible = 1, .shared = shared});
    }
  }
  EXPECT_TRUE(mode.census_holds());
}

// Much reordering: as many numbers are missing at a time as once were late.
TEST(IpIdModes, LateNumbersEarnTrustForMore) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int i = 0; i < 20; ++i) add(mode, ip_id++);
  for (int round = 0; round < 20; ++round) {
    add(mode, static_cast<uint16_t>(ip_id + 1), {.plausible = 1});
    add(mode, ip_id, {.filled = true});
    ip_id = static_cast<uint16_t>(ip_id + 2);
  }
  const auto miss = [&] { add(mode, ip_id = static_cast<uint16_t>(ip_id + 2), {.plausible = 1}); };
  for (int i = 0; i < 20; ++i) miss();
  EXPECT_TRUE(mode.census_holds());
  for (int i = 0; i < 20; ++i) miss();
  EXPECT_FALSE(mode.census_holds()) << "numbers that never come cost what was earned";
}

// A census that failed before asks for more trust, and then has more to lose.
TEST(IpIdModes, SiblingEndsTheCensusWhateverTrustItHas) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int failures = 0; failures < 5; ++failures) {
    for (int i = 0; i < 100; ++i) add(mode, ip_id++);
    ASSERT_TRUE(mode.census_holds());
    while (mode.census_holds()) add(mode, ip_id = static_cast<uint16_t>(ip_id + 20000));
    ++ip_id;
  }
  for (int i = 0; i < 100; ++i) add(mode, ip_id++);
  ASSERT_TRUE(mode.census_holds());
  for (int strikes = 0; strikes < 3; ++strikes) {
    EXPECT_TRUE(mode.census_holds());
    add(mode, ip_id = static_cast<uint16_t>(ip_id + 2), {.shared = true});
  }
  EXPECT_FALSE(mode.census_holds());
}

TEST(IpIdModes, LateNumberGivesBackTheTrustItsGapTook) {
  IpIdMode mode;
  for (uint16_t ip_id = 100; ip_id < 104; ++ip_id) add(mode, ip_id);
  for (uint16_t ip_id = 105; ip_id < 165; ip_id = static_cast<uint16_t>(ip_id + 2)) {
    ASSERT_NE(add(mode, ip_id, {.plausible = 1}), IpIdMode::Census::kEnds) << ip_id;
    ASSERT_EQ(add(mode, static_cast<uint16_t>(ip_id - 1), {.filled = true}),
              IpIdMode::Census::kGoesOn);
  }
  EXPECT_TRUE(mode.census_holds());
}

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
