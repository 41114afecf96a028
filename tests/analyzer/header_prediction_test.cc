// Header prediction comes to the same result as the long way, whatever disturbs the connections.

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <tuple>

#include "analyzer/flow.h"
#include "analyzer/flow_clock.h"
#include "analyzer/track_pools.h"
#include "tests/support/conversation.h"
#include "tests/support/prediction_twin.h"

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

constexpr HashKey kSecret{7, 11};
constexpr size_t kFlows = 4;

// Connections of one host that mostly go on in order; now and then something happens to a packet.
class Story {
 public:
  Story(uint32_t seed, int disturbed_of_1000)
      : random_(seed), disturbed_of_1000_(disturbed_of_1000), twin_(config()) {
    for (auto& flow : ends_) {
      for (End& end : flow) end.next = random(0xffff0000, 0xffffffff);
    }
  }

  // Throws std::logic_error if the two ways do not agree.
  void tell(int packets) {
    for (int i = 1; i <= packets; ++i) {
      step();
      if (i % 100 == 0) pause();
    }
    twin_.finish();
    std::ignore = twin_.drain();
  }

 private:
  struct End {
    uint32_t next = 0;
    uint32_t tsval = 100;
    uint16_t ip_id = 0xff00;
    std::array<Segment, 4> sent{};  // the last ones, to be sent again
    size_t count = 0;
  };

  static ShardConfig config() {
    ShardConfig config;
    config.flows_max = kFlows - 1;
    config.flows_idle = 2s;
    config.log_segments = 1024;
    config.secret = kSecret;
    return config;
  }
  uint32_t random(uint32_t least, uint32_t most) {
    return std::uniform_int_distribution(least, most)(random_);
  }
  bool happens(int of_1000) { return random(0, 999) < static_cast<uint32_t>(of_1000); }

  void pause() {
    twin_.tick(now_);
    std::ignore = twin_.drain();
    if (happens(100)) miss();
  }
  // One of two sources may have missed something lately.
  void miss() {
    CaptureGaps gaps;
    gaps.add(now_ - 1s, now_);
    gaps.set_known_until(now_);
    CaptureGaps none;
    none.set_known_until(now_);
    twin_.set_capture_gaps({none, gaps});
  }

  void step() {
    // What disturbs a connection seldom does so once.
    if (!disturbed_again_) flow_ = random(0, kFlows - 1);
    const size_t flow = flow_;
    const size_t from = random(0, 1);
    End& end = ends_[flow][from];
    const End& other = ends_[flow][1 - from];
    now_ += std::chrono::microseconds(random(0, 300));
    Segment segment = next_of(flow, from, end, other);
    if (disturbed_again_ || happens(disturbed_of_1000_)) {
      disturb(segment, end);
      disturbed_again_ = happens(400);
    } else {
      twin_.judge(segment);
    }
    end.next = std::max(end.next, segment.seq.raw() + segment.sequence_length(),
                        [](uint32_t a, uint32_t b) { return static_cast<int32_t>(b - a) > 0; });
    end.sent[end.count++ % end.sent.size()] = segment;
  }

  // The first flow has numbers and timestamps, the second no timestamps, the third no numbers, as
  // over IPv6, and the fourth finds no room while they all are connections.
  Segment next_of(size_t flow, size_t from, End& end, const End& other) {
    Segment segment;
    const auto port = static_cast<uint16_t>(40'000 + flow);
    const Endpoint us{IpAddress::v4(0xc0000201), port};
    const Endpoint peer{IpAddress::v4(0xc6336407), 443};
    segment.key = FlowKey::between(us, peer, 0);
    segment.hash = hash_of(kSecret, segment.key);
    segment.time = now_;
    segment.frame = ++frames_;
    segment.tcp_flags = kAck;
    segment.tcp_header_length = 32;
    segment.seq = SeqNum(end.next);
    segment.ack = SeqNum(other.next - (happens(100) ? 1448 : 0));
    const bool has_data = from == 0 || happens(200);
    segment.payload_length = has_data ? random(1, 3) * (happens(50) ? 1U : 724U) : 0;
    segment.bits = kHasWindow | kOptionsComplete;
    if (from == 1) segment.bits |= kFromHigh;
    segment.window = 1000;
    if (flow != 2) {
      segment.bits |= kHasIpId;
      segment.ip_id = end.ip_id;
      end.ip_id = static_cast<uint16_t>(end.ip_id + (segment.payload_length > 1448 ? 2 : 1));
    }
    if (flow != 1) {
      segment.bits |= kHasTsval | kHasTsecr;
      segment.tsval = end.tsval += random(0, 1);
      segment.tsecr = other.tsval;
    }
    return segment;
  }

  void disturb(Segment& segment, const End& end) {
    const Segment& before = end.sent[random(0, 3)];
    switch (random(0, 17)) {
      case 0:  // lost
      case 1:
      case 2:
        return;
      case 3:  // sent again
      case 4:
        if (before.payload_length > 0) {
          segment.seq = before.seq;
          segment.payload_length = before.payload_length;
        }
        break;
      case 5:  // copied by the network
        twin_.judge(segment);
        segment.frame = ++frames_;
        break;
      case 6:
        segment.tcp_flags |= kFin;
        break;
      case 7:
        segment.tcp_flags |= random(0, 3) == 0 ? kRst : kSyn;
        break;
      case 8:
        segment.window = 0;
        break;
      case 9:
        segment.sack_count = 1;
        segment.sack[0] = {segment.ack, SeqNum(segment.ack.raw() + 1448)};
        break;
      case 10:  // late
        segment.time -= happens(500) ? 2ms : 1500ms;
        break;
      case 11:  // after a pause
        now_ += std::chrono::milliseconds(random(1, 3000));
        now_ += happens(100) ? 12s : 0s;
        segment.time = now_;
        break;
      case 12:  // a byte that probes the window, or keeps alive
        segment.seq = SeqNum(segment.seq.raw() - 1);
        segment.payload_length = random(0, 1);
        break;
      case 13:  // seen elsewhere, too
        segment.link = 1;
        break;
      case 14:  // by another clock
        segment.tsval -= 5;
        break;
      case 15:
        segment.ack = SeqNum(segment.ack.raw() + 10'000);
        break;
      case 16:
        segment.source = 1;
        break;
      default:  // others use its counter, too
        segment.ip_id = static_cast<uint16_t>(segment.ip_id + random(1, 3));
        break;
    }
    twin_.judge(segment);
  }

  std::mt19937 random_;
  int disturbed_of_1000_;
  bool disturbed_again_ = false;
  size_t flow_ = 0;
  CaptureTime now_{std::chrono::hours(24 * 365 * 50)};
  uint64_t frames_ = 0;
  std::array<std::array<End, 2>, kFlows> ends_{};
  test::PredictionTwin twin_;
};

// Of a connection that only goes on, nearly all are, once its numbers are known to count.
TEST(HeaderPrediction, TakesThePacketsOfAQuietConnection) {
  TrackPools pools(1024);
  std::array<LossCounters, 2> counters;
  const VerdictSink sink;
  const FlowClock clock(false);
  const SourceGaps gaps;
  const RttBuckets rtt_buckets;
  const Endpoint us{IpAddress::v4(0xc0000201), 40'000};
  const Endpoint peer{IpAddress::v4(0xc6336407), 443};
  const FlowKey key = FlowKey::between(us, peer, 0);
  Flow flow(key, hash_of(kSecret, key), 1, Sender::kLow, true);
  int predicted = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    for (const bool from_high : {false, true}) {
      Segment segment;
      segment.key = key;
      segment.time = CaptureTime(1s) + i * 1ms;
      segment.tcp_flags = kAck;
      segment.tcp_header_length = 20;
      segment.seq = SeqNum(from_high ? 1 + 100 * i : 1 + 1000 * i);
      segment.ack = SeqNum(from_high ? 1001 + 1000 * i : 1 + 100 * i);
      segment.payload_length = from_high ? 100 : 1000;
      segment.window = 1000;
      segment.bits = kHasWindow | kHasIpId;
      if (from_high) segment.bits |= kFromHigh;
      segment.ip_id = static_cast<uint16_t>(i + 1);
      const FlowScene scene{pools, counters, sink, clock, gaps, rtt_buckets, 1};
      if (flow.judge(scene, segment) == Flow::Outcome::kPredicted) ++predicted;
    }
  }
  EXPECT_GT(predicted, 170);
  EXPECT_EQ(counters[0].packets + counters[1].packets, 200u);
}

// As a damaged length may say: a stray, which is judged the long way.
TEST(HeaderPrediction, LeavesOutWhatReachesFar) {
  test::Conversation story;
  story.handshake();
  uint16_t ip_id = 100;
  uint32_t seq = 1;
  for (int i = 0; i < 30; ++i, seq += 1000) {
    story.peer({.at = 30ms + i * 1ms, .seq = seq, .length = 1000, .ip_id = ip_id++});
    story.us({.at = 30ms + i * 1ms, .ack = seq + 1000});
  }
  story.peer({.at = 70ms, .seq = seq, .length = 100'000'000, .ip_id = ip_id++});
  // What follows is judged as if it had not been.
  story.peer({.at = 71ms, .seq = seq, .length = 1000, .ip_id = ip_id++});
  story.peer({.at = 400ms, .seq = seq, .length = 1000, .ip_id = ip_id++});
  story.us({.at = 400ms, .ack = seq + 1000}).finish();
  EXPECT_THAT(story.verdicts(), testing::ElementsAre("peer 30001 retransmission after ip_id"));
}

class PredictionTest : public testing::TestWithParam<int> {};

TEST_P(PredictionTest, ComesToTheSameResultAsTheLongWay) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    EXPECT_NO_THROW(Story(seed, GetParam()).tell(3000)) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(DisturbedOf1000, PredictionTest, testing::Values(0, 3, 30, 300));

}  // namespace
}  // namespace lossgazer
