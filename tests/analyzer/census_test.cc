// What identification numbers that never come say of loss before the capture point, whatever the
// packets carried, and which counters say nothing.

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "analyzer/capture_gaps.h"
#include "analyzer/id_gap_list.h"
#include "analyzer/ip_id_mode.h"
#include "tests/support/conversation.h"

namespace lossgazer::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
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

// Two lost acknowledgments, whose numbers are not waited for when the census begins to hold.
TEST(Census, NumbersMissingLongBeforeItHoldsAreNoPackets) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(1);
  stream.lost_ack();
  stream.lost_ack();
  stream.acks(1);
  story.tick(5s);
  stream.at = 5s;
  stream.acks(10);
  EXPECT_EQ(story.ingress().census_packets, 12u);
  EXPECT_EQ(by_census(story.ingress()), 0u);
}

// Nothing else is open while its repeats come one by one: that more of it is to come is remembered.
TEST(Census, LongTailIsKnownToItsEnd) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  const uint32_t tail = stream.seq;
  for (int i = 0; i < 20; ++i) stream.lost_data();
  for (uint32_t i = 0; i < 20; ++i) {
    const Duration at = 300ms + i * 100s;
    const uint32_t seq = tail + i * kMss;
    story.peer({.at = at, .seq = seq, .length = kMss, .ip_id = stream.number()});
    story.us({.at = at, .ack = seq + kMss}).tick(at + 50s);
  }
  EXPECT_THAT(story.verdicts(), SizeIs(20));
  EXPECT_THAT(story.verdicts(), Each(HasSubstr("retransmission before skipped_ip_id")));
  EXPECT_EQ(by_census(story.ingress()), 20u);
}

TEST(Census, TailBehindARepeatIsKnownAfterNewDataInBetween) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  const auto send = [&](Duration at, uint32_t seq) {
    story.peer({.at = at, .seq = seq, .length = kMss, .ip_id = stream.number()});
  };
  stream.data(20);
  const uint32_t first = stream.seq;
  send(100ms, first);  // is lost behind the tap
  send(400ms, first);
  story.us({.at = 401ms, .ack = first + kMss}).tick(2s);
  send(3s, first + kMss);
  story.us({.at = 3s, .ack = first + 2 * kMss});
  const uint32_t second = first + 2 * kMss;
  send(3100ms, second);  // likewise, and three more before the tap
  for (int i = 0; i < 3; ++i) stream.number();
  send(3400ms, second);
  story.us({.at = 3400ms, .ack = second + kMss});
  for (uint32_t i = 1; i <= 3; ++i) send(3401ms, second + i * kMss);
  story.us({.at = 3402ms, .ack = second + 4 * kMss}).finish();
  EXPECT_THAT(story.verdicts(),
              ElementsAre("peer " + std::to_string(first) + " retransmission after ip_id",
                          "peer " + std::to_string(second) + " retransmission after ip_id",
                          HasSubstr("before skipped_ip_id"), HasSubstr("before skipped_ip_id")))
      << "errs towards no repeat: one of the numbers may have been the second's";
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
  late.reserve(4);
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

// What one flow can have lost is bounded: data leaves a hole or comes again, and acknowledgments
// are owed. All else that is missing is another flow's, of a counter that a host's flows share.
TEST(Census, AcknowledgmentThatOwedLittleCannotHaveLostMany) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  for (int i = 0; i < 10; ++i) {
    stream.acks(20);
    stream.ip_id += 30;
  }
  stream.acks(20);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 0u);
}

TEST(Census, FirstAcknowledgmentOwesOnePacket) {
  Conversation story;
  story.peer({.seq = 0, .flags = kSyn, .ip_id = 100});
  story.us({.at = 10ms, .seq = 0, .flags = kSyn | kAck});
  story.peer({.at = 20ms, .ip_id = 114});
  Stream stream{story, 115};
  stream.acks(20);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 0u);
}

TEST(Census, FewRepeatsCannotHaveLostMany) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  for (int i = 0; i < 10; ++i) {
    stream.lost_data();
    stream.data(3);
    stream.repair();
    stream.ip_id += 200;
    stream.data(20);
  }
  story.finish();
  EXPECT_THAT(story.verdicts(), SizeIs(10));
  EXPECT_LE(by_census(story.ingress()) + by_sequence(story.ingress()), 10u);
}

// Data was lost, and so was its repeat, before anything behind it showed that it is missing.
TEST(Census, MissingBytesMayHaveBeenLostTwiceAlready) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(4);  // the census is young: what was strange would end it
  for (int i = 0; i < 3; ++i) {
    stream.lost_data();
    stream.number();
    stream.data(1);
    stream.repair();
    stream.data(2);
  }
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 6u);
}

// One segment is sent again at each time-out. The first repeat is lost behind the tap, five before
// it, and the last one arrives.
TEST(Census, RepeatsOfEachTimeOutMayHaveBeenLost) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  const auto send = [&](Duration at) {
    story.peer({.at = at, .seq = stream.seq, .length = kMss, .ip_id = stream.number()});
  };
  send(100ms);
  send(300ms);
  for (int i = 0; i < 5; ++i) stream.number();
  send(300ms + 200ms * (2 + 4 + 8 + 16 + 32 + 64));
  story.us({.at = 26s, .ack = stream.seq + kMss}).finish();
  EXPECT_EQ(by_census(story.ingress()), 5u);
  EXPECT_EQ(by_sequence(story.ingress()), 2u);
}

// What was sent last is unknown until the numbers of a repeat before it are missing.
TEST(Census, NewDataLostBeforeTheFirstRepeat) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(40);
  stream.lost_data();
  stream.data(3);
  const uint32_t tail = stream.seq;
  for (int i = 0; i < 9; ++i) stream.number();
  stream.repair();
  for (uint32_t i = 0; i < 9; ++i) {
    stream.at += 1ms;
    story.peer({.at = stream.at, .seq = tail + i * kMss, .length = kMss, .ip_id = stream.number()});
    story.us({.at = stream.at, .ack = tail + (i + 1) * kMss});
  }
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 10u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
  EXPECT_EQ(story.ingress().retransmitted_segments, 10u);
}

// That it was sent again only a number says, which we may have missed ourselves.
TEST(Census, TailIsNotUnansweredBeforeItIsKnownToBeOne) {
  Conversation story;
  const auto known_until = [&](Duration time) {
    CaptureGaps gaps;
    gaps.set_known_until(Conversation::kStart + time);
    story.shard().set_capture_gaps({gaps});
  };
  known_until(100ms);
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.number();
  story.peer({.at = 400ms, .seq = stream.seq, .length = kMss, .ip_id = stream.number()}).tick(5s);
  EXPECT_EQ(story.ingress().retransmitted_segments, 0u);
  EXPECT_EQ(story.ingress().unanswered_segments, 0u);
  known_until(6s);
  story.tick(6s);
  EXPECT_EQ(story.ingress().retransmitted_segments, 1u);
  EXPECT_EQ(story.ingress().unanswered_segments, 1u);
}

// But where much is missing before each first repeat, that is another flow's.
TEST(Census, ForeignNumbersBeforeRepeatsAreFoundOut) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  for (int i = 0; i < 30; ++i) {
    stream.lost_data();
    stream.data(1);
    stream.ip_id += 30;
    stream.repair();
  }
  story.finish();
  EXPECT_LE(story.ingress().census_packets, 60u);
  EXPECT_LE(by_census(story.ingress()), 450u);
  EXPECT_GE(by_sequence(story.ingress()), 15u);
}

// A few that nothing asked for may be window updates: no sign of another flow, and no loss but for
// one, which may have been the acknowledgment that is owed.
TEST(Census, LostWindowUpdatesDoNotEndIt) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.acks(6);
  stream.ip_id += 3;
  stream.acks(6);
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 1u);
  EXPECT_EQ(story.ingress().census_packets, 12u);
}

TEST(Census, LossOfDataIsShownByTheAcknowledgmentBehindIt) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(40);
  const uint32_t first = stream.seq;
  for (int i = 0; i < 8; ++i) stream.lost_data();
  story.peer({.at = stream.at + 1ms, .seq = stream.seq, .ip_id = stream.number()});
  for (uint32_t seq = first; seq != stream.seq; seq += kMss) {
    stream.at += 20ms;
    story.peer({.at = stream.at, .seq = seq, .length = kMss, .ip_id = stream.number()});
    story.us({.at = stream.at, .ack = seq + kMss});
  }
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 8u);
  EXPECT_EQ(by_sequence(story.ingress()), 0u);
}

// On an asymmetric path only one direction is captured: what it acknowledges says what it owed.
TEST(Census, AcknowledgmentsOfWhatIsNotCaptured) {
  Conversation story;
  int ip_id = 100;
  for (uint32_t i = 0; i < 200; ++i, ++ip_id) {
    if (i % 10 == 9) continue;
    story.peer({.at = i * 1ms, .ack = 1 + i * kMss, .ip_id = static_cast<uint16_t>(ip_id)});
  }
  story.finish();
  EXPECT_EQ(by_census(story.ingress()), 19u) << "the last one is not known of";
}

// Requests and answers: the next request, which acknowledges the answer, is none of a tail.
TEST(Census, NextRequestIsNotOfTheTail) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(20);
  stream.ip_id += 4;
  uint32_t answers = 1;
  for (uint32_t i = 0; i < 4; ++i) {
    const Duration at = 1s + i * 30ms;
    story.peer(
        {.at = at, .seq = stream.seq, .length = 200, .ack = answers, .ip_id = stream.number()});
    stream.seq += 200;
    story.us({.at = at, .seq = answers, .length = 100, .ack = stream.seq});
    answers += 100;
  }
  story.finish();
  EXPECT_THAT(story.verdicts(), SizeIs(1));
  EXPECT_EQ(by_census(story.ingress()), 4u) << "its repeats may have been lost";
}

// The receiver delays the acknowledgment of what came before the tail: to the sender it says
// nothing that is to be answered, and comes as its timer runs out.
TEST(Census, TailIsKnownThoughADelayedAcknowledgmentCameBetween) {
  Conversation story;
  story.handshake();
  Stream stream{story};
  stream.data(40);
  story.peer({.at = 100ms, .seq = stream.seq, .length = kMss, .ip_id = stream.number()});
  stream.number();
  const uint32_t tail = stream.seq + kMss;
  story.us({.at = 140ms, .ack = tail});
  story.peer({.at = 165ms, .seq = tail, .length = 300, .ip_id = stream.number()});
  story.us({.at = 165ms, .ack = tail + 300}).finish();
  EXPECT_THAT(story.verdicts(), ElementsAre(HasSubstr("retransmission before skipped_ip_id")));
  EXPECT_EQ(by_census(story.ingress()), 1u);
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

}  // namespace
}  // namespace lossgazer::test
