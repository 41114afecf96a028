#include "tests/bench/bulk_traffic.h"

#include <algorithm>

#include "analyzer/segment.h"

namespace lossgazer::bench {
namespace {

constexpr uint32_t kSegment = 1448;
constexpr CaptureTime kStart{std::chrono::hours(24 * 365 * 50)};
constexpr uint32_t kHost = 0xc0000201;  // 192.0.2.1
constexpr uint32_t kPeers = 0x0a000001;
constexpr uint32_t kPorts = 60'000;
constexpr uint32_t kFirstPort = 1024;

// Steps of a flow's life. From kData on they repeat, until it ends.
enum Step : uint8_t {
  kOpen,
  kAnswer,
  kAnswered,
  kData,
  kMoreData,
  kDataAcked,
  kRepeat,
  kRepeatAcked,
  kClose,
  kClosed
};

void put16(std::span<std::byte> at, uint32_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
}

void put32(std::span<std::byte> at, uint32_t value) {
  put16(at, value >> 16);
  put16(at.subspan(2), value & 0xffff);
}

}  // namespace

BulkTraffic::BulkTraffic(const TrafficShape& shape)
    : shape_(shape), flows_(shape.flows), now_(kStart) {
  const std::span<std::byte> bytes(packet_);
  std::fill_n(bytes.begin(), 12, std::byte{2});
  put16(bytes.subspan(12), 0x0800);
  put16(bytes.subspan(14), 0x4500);
  put16(bytes.subspan(20), 0x4000);  // don't fragment
  put16(bytes.subspan(22), 0x4006);  // 64 hops, TCP
  put16(bytes.subspan(48), 501);     // window
  put32(bytes.subspan(54), 0x0101080a);
  for (uint32_t number = 0; number < shape.flows; ++number) open(number);
}

BulkPacket BulkTraffic::next() {
  now_ += std::chrono::microseconds(1);
  while (!step(draw(shape_.flows))) continue;
  return {.time = now_, .bytes = packet_, .wire_length = wire_length_};
}

void BulkTraffic::open(uint32_t number) {
  Flow& flow = flows_[number];
  const uint16_t before = flow.port;
  flow = Flow();
  // Ports are taken in turns by the flows of one peer, and by those that follow them.
  const uint32_t siblings = (shape_.flows + shape_.peers - 1) / shape_.peers;
  const uint32_t first = kFirstPort + number / shape_.peers % kPorts;
  const uint32_t next = before == 0 ? first : before + siblings % kPorts;
  flow.port = static_cast<uint16_t>(kFirstPort + (next - kFirstPort) % kPorts);
  for (size_t side = 0; side < 2; ++side) {
    flow.next_seq[side] = draw(UINT32_MAX);
    flow.next_id[side] = static_cast<uint16_t>(draw(UINT16_MAX) + 1);
  }
}

bool BulkTraffic::step(uint32_t number) {
  Flow& flow = flows_[number];
  // Every other flow is a download.
  const size_t sender = number % 2;
  const size_t receiver = 1 - sender;
  const auto now = static_cast<Step>(flow.step);
  const auto go_on = [&](size_t from, uint8_t flags, uint32_t payload, Step next) {
    const uint32_t seq = flow.next_seq[from];
    flow.next_seq[from] += payload + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
    flow.step = next;
    write(number, from, {.seq = seq, .flags = flags, .payload = payload});
    return true;
  };
  switch (now) {
    case kOpen:
      return go_on(0, kSyn, 0, kAnswer);
    case kAnswer:
      return go_on(1, kSyn | kAck, 0, kAnswered);
    case kAnswered:
      return go_on(0, kAck, 0, kData);
    case kData:
    case kMoreData: {
      ++flow.sent;
      const uint32_t seq = flow.next_seq[sender];
      go_on(sender, kAck, kSegment, now == kData ? kMoreData : kDataAcked);
      if (flow.lost_seq != 0 || now == kMoreData || draw(1000) >= 2 * shape_.loss_per_mille) {
        return true;
      }
      flow.lost_seq = std::max(seq, 1U);
      return false;
    }
    case kDataAcked: {
      const bool over = shape_.churn != 0 && flow.sent >= shape_.churn;
      return go_on(receiver, kAck, 0, flow.lost_seq != 0 ? kRepeat : over ? kClose : kData);
    }
    case kRepeat:
      write(number, sender, {.seq = flow.lost_seq, .flags = kAck, .payload = kSegment});
      flow.lost_seq = 0;
      flow.step = kRepeatAcked;
      return true;
    case kRepeatAcked:
      return go_on(receiver, kAck, 0, kData);
    case kClose:
      return go_on(0, kFin | kAck, 0, kClosed);
    case kClosed: {
      go_on(1, kFin | kAck, 0, kClosed);
      open(number);
      return true;
    }
  }
  return false;
}

void BulkTraffic::write(uint32_t number, size_t sender, const Header& header) {
  Flow& flow = flows_[number];
  const std::span<std::byte> bytes(packet_);
  const std::array<uint32_t, 2> address = {kHost + number / shape_.peers / kPorts,
                                           kPeers + number % shape_.peers};
  const std::array<uint32_t, 2> port = {flow.port, 443};
  const size_t receiver = 1 - sender;
  wire_length_ = static_cast<uint32_t>(kHeaders) + header.payload;
  put16(bytes.subspan(16), wire_length_ - 14);
  put16(bytes.subspan(18), flow.next_id[sender]++);
  put32(bytes.subspan(26), address[sender]);
  put32(bytes.subspan(30), address[receiver]);
  put16(bytes.subspan(34), port[sender]);
  put16(bytes.subspan(36), port[receiver]);
  put32(bytes.subspan(38), header.seq);
  const bool acks = (header.flags & kAck) != 0;
  // While a segment is missing, the receiver asks for it.
  const bool waits = flow.lost_seq != 0 && sender != number % 2;
  put32(bytes.subspan(42), !acks ? 0 : waits ? flow.lost_seq : flow.next_seq[receiver]);
  put16(bytes.subspan(46), 0x8000U | header.flags);
  const auto ms = static_cast<uint32_t>((now_ - kStart) / std::chrono::milliseconds(1)) + 1;
  put32(bytes.subspan(58), ms);
  put32(bytes.subspan(62), acks ? ms : 0);
}

uint32_t BulkTraffic::draw(uint32_t below) {
  lot_ = lot_ * 6364136223846793005 + 1442695040888963407;  // Knuth's MMIX
  return static_cast<uint32_t>((lot_ >> 32) * below >> 32);
}

}  // namespace lossgazer::bench
