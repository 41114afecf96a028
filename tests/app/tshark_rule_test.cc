// Wireshark's rule, as far as it can be told without it: tests/system/test_report.py asks it.

#include "app/tshark_rule.h"

#include <gtest/gtest.h>

#include <chrono>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

// One sender's data and its receiver's acknowledgments, all captured whole.
class Tshark : public testing::Test {
 protected:
  TsharkName data(Duration at, uint32_t seq, uint32_t length = 1000) {
    Segment segment = packet(at, SeqNum(seq));
    segment.payload_length = length;
    return rule_.on(segment).name;
  }
  TsharkName ack(Duration at, uint32_t number, uint16_t window = 500) {
    Segment segment = packet(at, SeqNum(7));
    segment.bits |= kFromHigh;
    segment.ack = SeqNum(number);
    segment.window = window;
    return rule_.on(segment).name;
  }
  static Segment packet(Duration at, SeqNum seq) {
    Segment segment;
    segment.time = CaptureTime(at);
    segment.seq = seq;
    segment.window = 500;
    segment.tcp_flags = kAck;
    segment.bits = kOptionsComplete | kHasWindow;
    return segment;
  }

  TsharkRule rule_;
};

TEST_F(Tshark, SoonAfterTheHighestIsOutOfOrderAndLaterIsARetransmission) {
  data(0ms, 1);
  data(1ms, 2001);
  EXPECT_EQ(data(3ms, 1001, 500), TsharkName::kOutOfOrder);
  EXPECT_EQ(data(4ms, 1501, 500), TsharkName::kRetransmission);
}

TEST_F(Tshark, HandshakesRoundTripIsTheThreshold) {
  Segment syn = packet(0ms, SeqNum(0));
  syn.tcp_flags = kSyn;
  rule_.on(syn);
  Segment syn_ack = packet(20ms, SeqNum(6));
  syn_ack.bits |= kFromHigh;
  syn_ack.tcp_flags = kSyn | kAck;
  rule_.on(syn_ack);
  rule_.on(packet(30ms, SeqNum(1)));
  data(31ms, 1);
  data(32ms, 2001);
  EXPECT_EQ(data(61ms, 1001, 500), TsharkName::kOutOfOrder);
  EXPECT_EQ(data(62ms, 1501, 500), TsharkName::kRetransmission);
}

TEST_F(Tshark, RepeatedAcknowledgmentsMakeItFast) {
  data(0ms, 1);
  data(1ms, 2001);
  ack(10ms, 1001);
  ack(11ms, 1001);
  EXPECT_EQ(data(12ms, 1001), TsharkName::kRetransmission) << "once repeated";
  ack(13ms, 1001);
  EXPECT_EQ(data(32ms, 1001), TsharkName::kFastRetransmission);
  EXPECT_EQ(data(33ms, 1001), TsharkName::kRetransmission) << "20 ms later";
}

TEST_F(Tshark, AcknowledgedBytesAreSpurious) {
  data(0ms, 1);
  ack(1ms, 1001);
  EXPECT_EQ(data(9ms, 1), TsharkName::kSpuriousRetransmission);
}

TEST_F(Tshark, ByteBeforeTheNextKeepsAliveAndByteIntoAClosedWindowProbes) {
  data(0ms, 1);
  EXPECT_EQ(data(1s, 1000, 1), TsharkName::kKeepAlive);
  ack(2s, 1001, 0);
  EXPECT_EQ(data(3s, 1001, 1), TsharkName::kZeroWindowProbe);
  EXPECT_EQ(data(4s, 1001, 1), TsharkName::kZeroWindowProbe) << "it moved nothing on";
}

TEST_F(Tshark, HeaderThatIsCutOffIsNotLookedAt) {
  data(0ms, 1);
  Segment cut = packet(9ms, SeqNum(1));
  cut.payload_length = 1000;
  cut.bits = 0;
  const TsharkAnswer answer = rule_.on(cut);
  EXPECT_EQ(answer.name, TsharkName::kNothing);
  EXPECT_TRUE(answer.cut_off);
}

}  // namespace
}  // namespace lossgazer
