// Tells a shard an arbitrary story of a few connections, more than it has room for, and checks what
// must hold of whatever it counts, and that header prediction changes nothing of it. Input: steps
// of 16 bytes each.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>

#include "analyzer/shard.h"
#include "analyzer/verdict.h"
#include "tests/support/prediction_twin.h"

namespace lossgazer {
namespace {

constexpr size_t kFlows = 4;
constexpr size_t kFlowsMax = 3;
constexpr size_t kPeersMax = 2;
constexpr size_t kLogSegments = 64;  // soon overrun
constexpr size_t kStep = 16;
constexpr HashKey kSecret{1, 2};
constexpr uint16_t kAllBits = (1 << kClockShift) - 1;
// A step stands for at most so many wire packets, each of which counts once in any counter.
constexpr uint64_t kPacketsOfAStep = 65'536;

void require(bool condition) {
  if (!condition) std::abort();
}

// Where a sender stands; a step moves on from there.
struct SenderState {
  uint32_t next = 0xfffff000;
  uint32_t tsval = 1000;
  uint16_t ip_id = 0xfff0;
};

class Story {
 public:
  Story() : shard_(config(), [this](const Verdict& verdict) { check(verdict); }) {}

  void step(std::span<const uint8_t, kStep> bytes) {
    const auto u16 = [&](size_t at) {
      return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
    };
    // A signed step on a scale from nanoseconds to hours; mostly small and forwards.
    const int scale = bytes[1] % 48;
    const Duration pause(int64_t{1} << std::min(scale, 43));
    now_ += bytes[1] >= 240 ? -pause : pause;
    switch (bytes[0] >> 5) {
      case 0:
        shard_.tick(now_);
        return drain();
      case 1:
        if ((bytes[2] & 3) == 0) {
          CaptureGaps gaps;
          gaps.set_known_until(now_);
          if (bytes[3] % 2 == 0) gaps.add(now_ - std::chrono::milliseconds(bytes[4]), now_);
          shard_.set_capture_gaps({gaps});
        }
        return;
      case 2:
        // As much in order as it takes to trust a counter, so that packets are predicted.
        for (int i = 0; i < 16; ++i) exchange(bytes);
        return;
      default:
        segment(bytes, u16);
    }
  }

  void end() {
    shard_.finish();
    drain();
    require(flows_ == 0);
    require(accounted_ == fed_);
  }

 private:
  static ShardConfig config() {
    ShardConfig config;
    config.flows_max = kFlowsMax;
    config.peers_max = kPeersMax;
    config.log_segments = kLogSegments;
    config.secret = kSecret;
    return config;
  }

  // From one side of a flow, now; it says nothing yet.
  Segment segment_of(size_t flow, size_t side) {
    Segment segment;
    const Endpoint low{IpAddress::v4(0xc0000201), static_cast<uint16_t>(40'000 + flow)};
    const Endpoint high{IpAddress::v4(0xc6336407 + static_cast<uint32_t>(flow)), 443};
    segment.key = FlowKey::between(low, high, 0);
    if (side == 1) segment.bits |= kFromHigh;
    segment.hash = hash_of(kSecret, segment.key);
    segment.time = now_;
    segment.frame = ++fed_;
    segment.tcp_header_length = 32;
    return segment;
  }

  template <typename U16>
  void segment(std::span<const uint8_t, kStep> bytes, const U16& u16) {
    const size_t flow = bytes[0] % kFlows;
    const auto side = static_cast<size_t>(bytes[0] >> 2 & 1);
    SenderState& sender = senders_[flow][side];
    const SenderState& receiver = senders_[flow][1 - side];
    Segment segment = segment_of(flow, side);
    segment.tcp_flags = bytes[2];
    // Mostly what comes next, else around it.
    segment.seq = SeqNum(sender.next + static_cast<uint32_t>(static_cast<int8_t>(bytes[3])) * 724);
    segment.payload_length = bytes[4] < 128 ? bytes[4] % 4 * 724U : u16(4);
    segment.ack = SeqNum(receiver.next - bytes[6] * 362U);
    segment.bits = static_cast<uint16_t>(segment.bits | (u16(7) & (kAllBits & ~kFromHigh)));
    sender.ip_id = static_cast<uint16_t>(sender.ip_id + 1 + static_cast<int8_t>(bytes[9]));
    sender.tsval += static_cast<uint32_t>(static_cast<int8_t>(bytes[10]));
    if (segment.has(kHasIpId)) segment.ip_id = sender.ip_id;
    if (segment.has(kHasTsval)) segment.tsval = sender.tsval;
    if (segment.has(kHasTsecr)) segment.tsecr = receiver.tsval - bytes[11] % 8;
    if (segment.has(kHasWindow)) segment.window = bytes[12] % 4 == 0 ? 0 : 1000;
    segment.checksum = bytes[12];
    // The usual one: with a smaller one, what was counted before would stand for more packets.
    segment.mss = segment.flag(kSyn) && bytes[13] >= 128 ? uint16_t{1460} : uint16_t{0};
    segment.sack_count = bytes[13] % 4;
    for (size_t i = 0; i < segment.sack_count; ++i) {
      const uint32_t left = receiver.next - bytes[14] * 362U - static_cast<uint32_t>(i) * 2000;
      segment.sack[i] = {SeqNum(left), SeqNum(left + 1448)};
    }
    segment.link = bytes[15] % 3;
    const uint32_t end = segment.seq.raw() + segment.sequence_length();
    if (static_cast<int32_t>(end - sender.next) > 0) sender.next = end;
    judge(segment);
  }

  // The next segment of one side, and its acknowledgment.
  void exchange(std::span<const uint8_t, kStep> bytes) {
    const size_t flow = bytes[0] % kFlows;
    const auto side = static_cast<size_t>(bytes[0] >> 2 & 1);
    for (const size_t from : {side, 1 - side}) {
      SenderState& sender = senders_[flow][from];
      const SenderState& receiver = senders_[flow][1 - from];
      now_ += std::chrono::microseconds(bytes[3]);
      Segment segment = segment_of(flow, from);
      segment.tcp_flags = kAck;
      segment.seq = SeqNum(sender.next);
      segment.ack = SeqNum(receiver.next);
      segment.payload_length = from == side ? bytes[4] % 3 * 724U : 0;
      segment.bits = static_cast<uint16_t>(segment.bits | kHasWindow | kHasTsval | kHasTsecr |
                                           kOptionsComplete);
      segment.window = 1000;
      segment.tsval = sender.tsval += bytes[5] % 3;
      segment.tsecr = receiver.tsval;
      if ((bytes[6] & 1) == 0) {
        segment.bits |= kHasIpId;
        segment.ip_id = ++sender.ip_id;
      }
      segment.link = bytes[15] % 3;
      sender.next += segment.payload_length;
      judge(segment);
    }
  }

  void judge(const Segment& segment) {
    shard_.judge(segment);
    if (fed_ % 8 == 0) drain();
  }

  void drain() {
    const ShardDelta delta = shard_.drain();
    flows_ = delta.flows;
    require(flows_ <= kFlowsMax);
    require(delta.peers.size() <= (kPeersMax + 1));
    for (const SourceOutcome& outcome : delta.outcomes) {
      accounted_ += outcome.judged + outcome.flow_table_drops;
      for (const uint64_t ignored : outcome.ignored) accounted_ += ignored;
    }
    require(accounted_ == fed_);
    for (const PeerRow& row : delta.peers) {
      for (size_t direction = 0; direction < 2; ++direction) {
        // No counter goes down: that would show as one that grew beyond all bounds.
        check_grown(row.counters[direction]);
        LossCounters& total = totals_[row.key][direction];
        total += row.counters[direction];
        check(total);
      }
    }
  }

  void check_grown(const LossCounters& grown) const {
    const uint64_t most = fed_ * kPacketsOfAStep;
    for (const uint64_t count :
         {grown.packets, grown.data_segments, grown.unanswered_segments, grown.census_packets,
          grown.retransmitted_segments, grown.spurious_retransmissions, grown.reordered_segments,
          grown.duplicate_packets, grown.duplicate_acks, grown.zero_windows, grown.resets,
          grown.ecn_ce_packets, grown.rtt_count}) {
      require(count <= most);
    }
    require(grown.payload_bytes <= most * 2 && grown.retransmitted_bytes <= most * 2);
    require(grown.rtt_sum >= Duration::zero());
  }

  void check(const LossCounters& total) const {
    require(total.data_segments <= total.packets);
    require(total.retransmitted_segments <= total.data_segments);
    require(total.retransmitted_bytes <= total.payload_bytes);
    require(total.spurious_retransmissions <= total.retransmitted_segments);
    require(total.handshake_retransmissions[0] + total.handshake_retransmissions[1] <=
            total.retransmitted_segments);
    require(total.unanswered_segments <= total.retransmitted_segments);
    require(total.reordered_segments <= total.data_segments);
    require(total.duplicate_packets <= total.packets);
    require(total.census_packets <= total.packets);
    for (const uint64_t count : {total.duplicate_acks, total.zero_windows, total.resets}) {
      require(count <= total.packets);
    }
    // Beyond the capture point, what was sent again is the only evidence of a loss.
    require(total.lost(Side::kAfter, LossMethod::kSequence) <= total.retransmitted_segments);
    require(total.lost(Side::kAfter, LossMethod::kCensus) == 0);
    require(total.rtt_count <= fed_);
  }

  void check(const Verdict& verdict) const { require(verdict.frame >= 1 && verdict.frame <= fed_); }

  uint64_t fed_ = 0;
  uint64_t accounted_ = 0;
  uint64_t flows_ = 0;
  CaptureTime now_{std::chrono::hours(24 * 365 * 50)};
  std::array<std::array<SenderState, 2>, kFlows> senders_{};
  std::map<PeerKey, std::array<LossCounters, 2>> totals_;
  test::PredictionTwin shard_;
};

}  // namespace
}  // namespace lossgazer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lossgazer;
  Story story;
  std::span bytes(data, size);
  for (; bytes.size() >= kStep; bytes = bytes.subspan(kStep)) story.step(bytes.first<kStep>());
  story.end();
  return 0;
}
