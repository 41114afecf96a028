// One TCP packet, decoded: all that judging it needs, as a value that may be copied between
// threads.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "analyzer/flow_key.h"
#include "analyzer/seq_num.h"
#include "analyzer/units.h"

namespace lossgazer {

// A SACK block (RFC 2018, section 3): `right` is the number after the last one held.
struct SackBlock {
  SeqNum left;
  SeqNum right;
};

// TCP flags (RFC 9293, section 3.1).
enum TcpFlag : uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
};

// What was captured of a packet, or marks it. A field whose bit is not set holds zero and means
// nothing: an option that was cut off is not an option that was absent.
enum SegmentBit : uint16_t {
  kFromHigh = 1 << 0,         // sent by the flow key's high end
  kHasIpId = 1 << 1,          // IPv4
  kHasWindow = 1 << 2,        // and the checksum
  kHasTsval = 1 << 3,         // RFC 7323
  kHasTsecr = 1 << 4,         // captured and meant: ACK is set
  kOptionsComplete = 1 << 5,  // all options were captured: what is not here was not sent
  kHasWindowScale = 1 << 6,
  kCongestionExperienced = 1 << 7,  // RFC 3168
  kAfterSibling = 1 << 8,   // the number before its own was another flow's: see SharedCounters
  kSackPermitted = 1 << 9,  // on a SYN (RFC 2018, section 2)
};
// The upper bits of SegmentBit tell which of the last clocks stamped it: see FlowClock.
inline constexpr int kClockShift = 12;

struct Segment {
  FlowKey key;
  CaptureTime time;
  uint64_t frame = 0;  // its number in its source, from 1
  uint64_t hash = 0;   // keyed, of `key`: the same for both directions
  SeqNum seq;
  SeqNum ack;
  uint32_t payload_length = 0;  // bytes, from the IP header
  uint32_t tsval = 0;
  uint32_t tsecr = 0;
  uint32_t link = 0;    // the interface's index, 0 if unknown
  uint16_t source = 0;  // which of the pipeline's sources captured it
  uint16_t ip_id = 0;
  uint16_t window = 0;  // as on the wire, not scaled
  uint16_t checksum = 0;
  uint16_t mss = 0;  // from the SYN's option, 0 if none was seen
  uint16_t bits = 0;
  uint8_t tcp_flags = 0;
  uint8_t tcp_header_length = 0;  // bytes
  uint8_t window_scale = 0;
  uint8_t sack_count = 0;
  std::array<SackBlock, 3> sack{};

  [[nodiscard]] bool has(SegmentBit bit) const { return (bits & bit) != 0; }
  [[nodiscard]] bool flag(TcpFlag flag) const { return (tcp_flags & flag) != 0; }
  [[nodiscard]] Sender sender() const { return has(kFromHigh) ? Sender::kHigh : Sender::kLow; }
  // Sequence numbers it takes: payload, SYN and FIN (RFC 9293, section 3.4).
  [[nodiscard]] uint32_t sequence_length() const {
    return payload_length + (flag(kSyn) ? 1 : 0) + (flag(kFin) ? 1 : 0);
  }
};
static_assert(std::is_trivially_copyable_v<Segment>);
static_assert(sizeof(Segment) <= 128);

}  // namespace lossgazer
