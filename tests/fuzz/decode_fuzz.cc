// Feeds decode() arbitrary bytes as every link type and checks what must hold of any result.
// Input: the link type, two bytes of what the wire had beyond the capture, then the frame.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <type_traits>
#include <vector>

#include "analyzer/decode.h"

namespace lossgazer {
namespace {

constexpr HashKey kSecret{1, 2};
constexpr size_t kLinkTypes = 8;
constexpr size_t kMaxIpLength = 65535;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Result {
  DecodeStatus status;
  Segment segment;
};

// Decodes a copy of exactly this size, so that a sanitizer sees any byte read beyond it.
Result decode_copy(std::span<const std::byte> bytes, LinkType type, uint32_t wire_length) {
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  Result result{};
  result.segment.source = 7;
  result.status = decode({.number = 1, .wire_length = wire_length, .bytes = copy}, type, kSecret,
                         result.segment);
  return result;
}

bool same(const Segment& a, const Segment& b) {
  static_assert(std::has_unique_object_representations_v<Segment>);
  using Image = std::array<std::byte, sizeof(Segment)>;
  return std::bit_cast<Image>(a) == std::bit_cast<Image>(b);
}

void check_segment(const Segment& segment, LinkType type, size_t wire_length) {
  const Endpoint low = segment.key.end(Sender::kLow);
  const Endpoint high = segment.key.end(Sender::kHigh);
  require(low <= high);
  require(segment.sender() == Sender::kLow || low != high);
  require(segment.hash == hash_of(kSecret, segment.key));
  require(segment.source == 7);
  require(segment.link == 0 || type == LinkType::kLinuxCookedV2);
  require(segment.tcp_header_length >= 20 && segment.tcp_header_length <= 60);
  require(segment.payload_length <= std::max(kMaxIpLength, wire_length));
  require(segment.sack_count <= segment.sack.size());
  require(segment.window_scale <= 14);

  // What was not captured is zero.
  require(segment.has(kHasIpId) || segment.ip_id == 0);
  require(segment.has(kHasWindow) || (segment.window == 0 && segment.checksum == 0));
  require(segment.has(kHasTsval) || (segment.tsval == 0 && !segment.has(kHasTsecr)));
  require(segment.has(kHasTsecr) || segment.tsecr == 0);
  require(segment.flag(kAck) || !segment.has(kHasTsecr));
  require(segment.has(kHasWindowScale) || segment.window_scale == 0);
  require(segment.flag(kSyn) || (segment.mss == 0 && !segment.has(kHasWindowScale)));
  require(segment.has(kHasWindow) || !segment.has(kOptionsComplete));
}

// A shorter capture of the same frame says less, and nothing else.
void check_cut(const Result& cut, const Result& whole) {
  require(cut.status == whole.status || cut.status == DecodeStatus::kTruncated);
  if (cut.status != DecodeStatus::kOk) return;
  require(cut.segment.key == whole.segment.key);
  require(cut.segment.payload_length == whole.segment.payload_length);
  require(cut.segment.seq == whole.segment.seq && cut.segment.ack == whole.segment.ack);
  require((cut.segment.bits & ~whole.segment.bits) == 0);
  require(cut.segment.sack_count <= whole.segment.sack_count || !cut.segment.has(kOptionsComplete));
}

}  // namespace
}  // namespace lossgazer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lossgazer;
  if (size < 3) return 0;
  const auto type = static_cast<LinkType>(data[0] % kLinkTypes);
  const auto beyond = static_cast<uint32_t>(data[1] << 8 | data[2]);
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(3);
  const auto wire_length = static_cast<uint32_t>(bytes.size()) + beyond;

  const Result whole = decode_copy(bytes, type, wire_length);
  const Result again = decode_copy(bytes, type, wire_length);
  require(whole.status == again.status);
  if (whole.status == DecodeStatus::kOk) {
    require(same(whole.segment, again.segment));
    check_segment(whole.segment, type, wire_length);
  }
  for (const size_t kept : {bytes.size() / 2, std::min<size_t>(64, bytes.size()),
                            bytes.size() - std::min<size_t>(1, bytes.size())}) {
    check_cut(decode_copy(bytes.first(kept), type, wire_length), whole);
  }
  return 0;
}
