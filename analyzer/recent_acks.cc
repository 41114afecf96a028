#include "analyzer/recent_acks.h"

#include <bit>

namespace lossgazer {
namespace {

constexpr Duration kCopyDelayMax = std::chrono::milliseconds(50);
// An odd number near 2^64 divided by the golden ratio: spreads what it multiplies.
constexpr uint64_t kSpread = 0x9e3779b97f4a7c15;

uint64_t mix(uint64_t hash, uint64_t high, uint64_t low) {
  return std::rotl((hash ^ (high << 32 | low)) * kSpread, 29);
}

}  // namespace

std::optional<CaptureTime> RecentAcks::seen(const Segment& segment) {
  uint64_t hash = mix(segment.hash, segment.seq.raw(), segment.ack.raw());
  hash = mix(hash, segment.tsval, segment.tsecr);
  hash = mix(hash, segment.window, segment.checksum);
  for (const SackBlock& block : segment.sack) hash = mix(hash, block.left.raw(), block.right.raw());
  // A router on the way may have marked one of two copies (RFC 3168).
  hash = mix(hash, segment.bits & ~uint64_t{kCongestionExperienced}, segment.tcp_flags);
  Entry& entry = entries_[hash >> 50];
  const int64_t now = segment.time.time_since_epoch().count();
  const bool same =
      entry.fingerprint == hash && now - entry.time <= kCopyDelayMax.count() && entry.time <= now;
  const CaptureTime before{Duration(entry.time)};
  entry = {hash, now};
  return same ? std::optional(before) : std::nullopt;
}

}  // namespace lossgazer
