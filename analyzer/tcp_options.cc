#include "analyzer/tcp_options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lossgazer {
namespace {

// Option kinds (RFC 9293, section 3.2; RFC 2018; RFC 7323).
constexpr uint8_t kEndOfList = 0;
constexpr uint8_t kNoOperation = 1;
constexpr uint8_t kMaximumSegmentSize = 2;
constexpr uint8_t kWindowScale = 3;
constexpr uint8_t kSackPermittedKind = 4;
constexpr uint8_t kSack = 5;
constexpr uint8_t kTimestamps = 8;

constexpr uint8_t kMaxWindowScale = 14;

// NOP, NOP, Timestamps of 10 bytes: what nearly every packet of a flow with timestamps carries.
constexpr uint32_t kUsualTimestamps = 0x0101080a;
constexpr size_t kUsualTimestampsLength = 12;

void set_bit(Segment& segment, SegmentBit bit) {
  segment.bits = static_cast<uint16_t>(segment.bits | bit);
}

void read_timestamps(ByteReader value, Segment& segment) {
  const auto tsval = value.take<4>();
  if (!tsval) return;
  segment.tsval = tsval.u32<0>();
  set_bit(segment, kHasTsval);
  if (!segment.flag(kAck)) return;
  const auto tsecr = value.take<4>();
  if (!tsecr) return;
  segment.tsecr = tsecr.u32<0>();
  set_bit(segment, kHasTsecr);
}

void read_sack(ByteReader value, Segment& segment) {
  segment.sack = {};
  segment.sack_count = 0;
  for (SackBlock& block : segment.sack) {
    const auto edges = value.take<8>();
    if (!edges) return;
    block = {SeqNum(edges.u32<0>()), SeqNum(edges.u32<4>())};
    ++segment.sack_count;
  }
}

void read_option(uint8_t kind, ByteReader value, Segment& segment) {
  switch (kind) {
    case kMaximumSegmentSize:
      if (value.length() != 2 || !segment.flag(kSyn)) return;
      if (const auto mss = value.take<2>()) segment.mss = mss.u16<0>();
      return;
    case kWindowScale:
      if (value.length() != 1 || !segment.flag(kSyn)) return;
      if (const auto scale = value.take<1>()) {
        segment.window_scale = std::min(scale.u8<0>(), kMaxWindowScale);
        set_bit(segment, kHasWindowScale);
      }
      return;
    case kSackPermittedKind:
      if (value.length() == 0 && segment.flag(kSyn)) set_bit(segment, kSackPermitted);
      return;
    case kSack:
      if (value.length() != 0 && value.length() % 8 == 0) read_sack(value, segment);
      return;
    case kTimestamps:
      if (value.length() == 8) read_timestamps(value, segment);
      return;
    default:
      return;
  }
}

// False if an option's length contradicts itself or the header's.
bool read_list(ByteReader options, Segment& segment) {
  while (const auto kind = options.take<1>()) {
    if (kind.u8<0>() == kEndOfList) return true;
    if (kind.u8<0>() == kNoOperation) continue;
    const auto length = options.take<1>();
    if (!length || length.u8<0>() < 2) return false;
    const size_t value_length = length.u8<0>() - size_t{2};
    if (value_length > options.length()) return false;
    ByteReader value = options;
    value.set_length(value_length);
    read_option(kind.u8<0>(), value, segment);
    if (!options.skip(value_length)) return false;
  }
  return true;
}

}  // namespace

void read_tcp_options(ByteReader options, Segment& segment) noexcept {
  const bool captured_whole = options.captured() == options.length();
  if (options.length() == kUsualTimestampsLength) {
    ByteReader usual = options;
    const auto start = usual.take<4>();
    if (start && start.u32<0>() == kUsualTimestamps) {
      read_timestamps(usual, segment);
      if (captured_whole) set_bit(segment, kOptionsComplete);
      return;
    }
  }
  if (read_list(options, segment) && captured_whole) set_bit(segment, kOptionsComplete);
}

}  // namespace lossgazer
