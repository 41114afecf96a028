#include "tests/lab/wire_packet.h"

#include <algorithm>
#include <utility>

namespace lossgazer::lab {
namespace {

constexpr size_t kEthernet = 14;
constexpr size_t kIpv6Header = 40;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kFin = 0x01;
constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kRst = 0x04;
constexpr uint8_t kPsh = 0x08;
constexpr size_t kLargestIp = 65'535;

uint16_t get16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
uint32_t get32(std::span<const uint8_t> bytes, size_t at) {
  return uint32_t{get16(bytes, at)} << 16 | get16(bytes, at + 2);
}
void put16(Bytes& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}
void put32(Bytes& bytes, size_t at, uint32_t value) {
  put16(bytes, at, value >> 16);
  put16(bytes, at + 2, value & 0xffff);
}

// RFC 1071, of [begin, end), added to `sum`.
uint32_t sum_words(std::span<const uint8_t> bytes, size_t begin, size_t end, uint32_t sum) {
  for (; begin + 1 < end; begin += 2) {
    sum += get16(bytes, begin);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  if (begin < end) sum += static_cast<uint32_t>(bytes[begin] << 8);
  return (sum & 0xffff) + (sum >> 16);
}

// Lengths and checksums, once the payload is what it is to be.
void seal(Bytes& frame, const HeaderFacts& facts) {
  const size_t ip = facts.ip_offset;
  const size_t tcp = facts.tcp_offset;
  const size_t segment = frame.size() - tcp;
  const size_t addresses = facts.is_v6 ? ip + 8 : ip + 12;
  if (facts.is_v6) {
    put16(frame, ip + 4, frame.size() - ip - kIpv6Header);
  } else {
    put16(frame, ip + 2, frame.size() - ip);
    put16(frame, ip + 10, 0);
    put16(frame, ip + 10, static_cast<uint16_t>(~sum_words(frame, ip, tcp, 0)));
  }
  put16(frame, tcp + 16, 0);
  const size_t addresses_end = addresses + (facts.is_v6 ? 32 : 8);
  uint32_t sum = sum_words(frame, addresses, addresses_end, kTcp + static_cast<uint32_t>(segment));
  sum = sum_words(frame, tcp, frame.size(), sum);
  put16(frame, tcp + 16, static_cast<uint16_t>(~sum));
}

bool same_options(const WirePacket& left, const WirePacket& right) {
  const size_t begin = left.facts.tcp_offset + 20;
  const size_t end = left.facts.payload_offset;
  return end == right.facts.payload_offset &&
         std::equal(left.frame.begin() + static_cast<ptrdiff_t>(begin),
                    left.frame.begin() + static_cast<ptrdiff_t>(end),
                    right.frame.begin() + static_cast<ptrdiff_t>(begin));
}

}  // namespace

std::optional<HeaderFacts> facts_of(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernet + 20) return std::nullopt;
  HeaderFacts facts;
  facts.ip_offset = kEthernet;
  const uint16_t type = get16(frame, 12);
  size_t end = 0;
  if (type == 0x0800 && frame[kEthernet + 9] == kTcp) {
    facts.tcp_offset = kEthernet + size_t{4} * (frame[kEthernet] & 0x0f);
    facts.ip_id = get16(frame, kEthernet + 4);
    end = kEthernet + get16(frame, kEthernet + 2);
  } else if (type == 0x86dd && frame[kEthernet + 6] == kTcp) {
    facts.is_v6 = true;
    facts.tcp_offset = kEthernet + kIpv6Header;
    end = facts.tcp_offset + get16(frame, kEthernet + 4);
  } else {
    return std::nullopt;
  }
  const size_t tcp = facts.tcp_offset;
  if (frame.size() < tcp + 20) return std::nullopt;
  facts.source_port = get16(frame, tcp);
  facts.destination_port = get16(frame, tcp + 2);
  facts.seq = get32(frame, tcp + 4);
  facts.ack = get32(frame, tcp + 8);
  facts.flags = frame[tcp + 13];
  facts.payload_offset = tcp + size_t{4} * (frame[tcp + 12] >> 4);
  facts.payload_length = static_cast<uint32_t>(std::min(end, frame.size()) - facts.payload_offset);
  for (size_t at = tcp + 20; at + 1 < facts.payload_offset;) {
    if (frame[at] == 0) break;
    if (frame[at] == 8) facts.tsval = get32(frame, at + 2);
    at += frame[at] == 1 ? 1 : std::max<size_t>(frame[at + 1], 2);
  }
  return facts;
}

std::vector<Bytes> split(const Bytes& frame, const HeaderFacts& facts, size_t segment_size) {
  if (segment_size == 0 || facts.payload_length <= segment_size) {
    Bytes only(frame.begin(),
               frame.begin() + static_cast<ptrdiff_t>(facts.payload_offset + facts.payload_length));
    seal(only, facts);  // what a network card would have finished
    return {std::move(only)};
  }
  std::vector<Bytes> pieces;
  for (size_t at = 0; at < facts.payload_length; at += segment_size) {
    const size_t length = std::min<size_t>(segment_size, facts.payload_length - at);
    const auto header_end = frame.begin() + static_cast<ptrdiff_t>(facts.payload_offset);
    const auto payload = header_end + static_cast<ptrdiff_t>(at);
    Bytes piece(frame.begin(), header_end);
    piece.insert(piece.end(), payload, payload + static_cast<ptrdiff_t>(length));
    put32(piece, facts.tcp_offset + 4, facts.seq + static_cast<uint32_t>(at));
    if (!facts.is_v6) put16(piece, facts.ip_offset + 4, facts.ip_id + pieces.size());
    if (at + length < facts.payload_length) {
      uint8_t& flags = piece[facts.tcp_offset + 13];
      flags = static_cast<uint8_t>(flags & ~(kFin | kPsh));
    }
    seal(piece, facts);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Aggregate::Aggregate(WirePacket first) { packets_.push_back(std::move(first)); }

bool Aggregate::try_add(const WirePacket& next) {
  const WirePacket& first = packets_.front();
  const WirePacket& last = packets_.back();
  const HeaderFacts& facts = next.facts;
  const size_t size = first.facts.payload_length;
  const bool contiguous =
      facts.source_port == first.facts.source_port && facts.is_v6 == first.facts.is_v6 &&
      facts.seq == last.facts.seq + last.facts.payload_length &&
      (facts.is_v6 || facts.ip_id == static_cast<uint16_t>(last.facts.ip_id + 1));
  const bool open = size > 0 && last.facts.payload_length == size && facts.payload_length > 0 &&
                    facts.payload_length <= size &&
                    (last.facts.flags & (kFin | kSyn | kRst | kPsh)) == 0 &&
                    (facts.flags & (kSyn | kRst)) == 0;
  const size_t total = first.facts.payload_offset + size * packets_.size() + facts.payload_length;
  if (!contiguous || !open || facts.ack != first.facts.ack || !same_options(first, next) ||
      total > kLargestIp) {
    return false;
  }
  packets_.push_back(next);
  return true;
}

Bytes Aggregate::frame() const {
  const HeaderFacts& facts = packets_.front().facts;
  Bytes frame = packets_.front().frame;
  for (size_t i = 1; i < packets_.size(); ++i) {
    const Bytes& more = packets_[i].frame;
    frame.insert(frame.end(),
                 more.begin() + static_cast<ptrdiff_t>(packets_[i].facts.payload_offset),
                 more.end());
  }
  uint8_t& flags = frame[facts.tcp_offset + 13];
  flags = static_cast<uint8_t>(flags | (packets_.back().facts.flags & (kFin | kPsh)));
  seal(frame, facts);
  return frame;
}

size_t Aggregate::segment_size() const {
  return packets_.size() == 1 ? 0 : packets_.front().facts.payload_length;
}

}  // namespace lossgazer::lab
