#include "analyzer/segment_size.h"

#include <algorithm>

namespace lossgazer {
namespace {

// What a segment carries over Ethernet with timestamps, where nothing else is known.
constexpr uint32_t kUsual = 1448;
constexpr uint32_t kUsualMost = 1460;
constexpr uint16_t kLeast = 64;

}  // namespace

void SegmentSize::limit(uint16_t mss) {
  if (mss == 0) return;
  const uint16_t limit = std::max(mss, kLeast);
  limit_ = limit_ == 0 ? limit : std::min(limit_, limit);
}

void SegmentSize::learn(const Segment& next, const IpIdMode& numbers) {
  if (newest_payload_ <= kUsualMost || !next.has(kHasIpId) || !numbers.sequential()) return;
  const IdStep step = numbers.step_to(next.ip_id);
  if (step.kind != IdStep::Kind::kNext) return;
  const uint32_t taken = step.position - numbers.newest_position();
  const uint32_t size = (newest_payload_ + taken - 1) / taken;
  const bool fits = size >= kUsualMost / 2 && size <= UINT16_MAX;
  // A step of one settles it: the packet was no larger on the wire. More may be a loss, so they are
  // believed only where no size was announced that would explain the payload.
  if (fits && (taken == 1 || limit_ == 0)) {
    learned_ = std::max(learned_, static_cast<uint16_t>(size));
  }
}

uint32_t SegmentSize::most_of(uint64_t bytes, uint32_t tcp_header_length) const {
  if (learned_ != 0) return learned_;
  if (limit_ != 0) {
    // Options come out of the announced size (RFC 6691).
    const uint32_t options = tcp_header_length - std::min<uint32_t>(kTcpHeader, tcp_header_length);
    return std::max<uint32_t>(kLeast, limit_ - std::min<uint32_t>(options, limit_));
  }
  return bytes <= kUsualMost ? kUsualMost : kUsual;
}

uint16_t SegmentSize::packets_in(uint64_t bytes, uint32_t tcp_header_length) const {
  if (bytes <= 1) return 1;
  const uint32_t size = most_of(bytes, tcp_header_length);
  if (bytes <= size) return 1;  // as most are: no division
  return static_cast<uint16_t>(std::min<uint64_t>((bytes + size - 1) / size, UINT16_MAX));
}

}  // namespace lossgazer
