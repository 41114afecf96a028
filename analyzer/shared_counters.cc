#include "analyzer/shared_counters.h"

#include <utility>

#include "analyzer/serial.h"

namespace lossgazer {
namespace {

uint32_t v4_bits(const IpAddress& address) { return static_cast<uint32_t>(address.lower()); }

uint16_t swap_bytes(uint16_t value) { return static_cast<uint16_t>(value << 8 | value >> 8); }

bool is_step(uint16_t earlier, uint16_t later, int largest) {
  const int step = serial_distance16(earlier, later);
  return step >= 1 && step <= largest;
}

}  // namespace

SharedCounters::SharedCounters(HashKey secret)
    : of_pairs_(size_t{1} << kIndexBits), of_senders_(size_t{1} << kIndexBits) {
  for (size_t i = 0; i < factors_.size(); ++i) {
    KeyedHash hash(secret);
    hash.add(i);
    factors_[i] = hash.finish() | 1;
  }
}

// The flow's hash covers the ports and is of no use here, and this is paid for by every packet. A
// sum of products with secret factors (Dietzfelbinger's multiply-shift, upper bits) takes three
// multiplications, where SipHash takes eleven rounds: whoever does not know the factors finds
// collisions as rarely as by chance, and a collision costs evidence only.
std::optional<SharedCounters::Hashes> SharedCounters::hashes_of(
    const Segment& segment) const noexcept {
  if (!segment.has(kHasIpId) || segment.ip_id == 0) return std::nullopt;
  const bool from_high = segment.has(kFromHigh);
  const FlowKey& key = segment.key;
  const uint64_t sender = v4_bits(from_high ? key.high_address : key.low_address);
  const uint64_t receiver = v4_bits(from_high ? key.low_address : key.high_address);
  const uint64_t sender_hash = sender * factors_[0] + key.encapsulation * factors_[1];
  return Hashes{.pair = sender_hash + receiver * factors_[2], .sender = sender_hash};
}

void SharedCounters::mark(Segment& segment) noexcept {
  if (const std::optional<Hashes> hashes = hashes_of(segment)) mark(segment, *hashes);
}

void SharedCounters::mark(Segment& segment, const Hashes& hashes) noexcept {
  const bool of_pair = take(of_pairs_, hashes.pair, segment);
  const bool of_sender = take(of_senders_, hashes.sender, segment);
  if (of_pair || of_sender) segment.bits = static_cast<uint16_t>(segment.bits | kAfterSibling);
}

void SharedCounters::mark_soon(Segment& segment) noexcept {
  const std::optional<Hashes> hashes = hashes_of(segment);
  if (!hashes) return;
  __builtin_prefetch(&of_pairs_[place_of(hashes->pair)], 1);
  __builtin_prefetch(&of_senders_[place_of(hashes->sender)], 1);
  const Waiting oldest =
      std::exchange(waiting_[turn_++ % kWaiting], {.segment = &segment, .hashes = *hashes});
  if (oldest.segment != nullptr) mark(*oldest.segment, oldest.hashes);
}

void SharedCounters::mark_waiting() noexcept {
  for (size_t i = 0; i < kWaiting; ++i) {
    const Waiting oldest = std::exchange(waiting_[turn_++ % kWaiting], {});
    if (oldest.segment != nullptr) mark(*oldest.segment, oldest.hashes);
  }
}

bool SharedCounters::take(Table& table, uint64_t hash, const Segment& segment) noexcept {
  const auto tag = static_cast<uint32_t>(hash >> (32 - kIndexBits));
  const auto flow = static_cast<uint16_t>(segment.hash >> 48);
  Last& last = table[place_of(hash)];
  const bool is_sibling = last.ip_id != 0 && last.tag == tag && last.flow != flow;
  const bool is_after =
      is_sibling && (is_step(last.ip_id, segment.ip_id, kLargestStep) ||
                     is_step(swap_bytes(last.ip_id), swap_bytes(segment.ip_id), kLargestStep));
  last = {.tag = tag, .ip_id = segment.ip_id, .flow = flow};
  return is_after;
}

}  // namespace lossgazer
