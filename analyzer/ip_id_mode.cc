#include "analyzer/ip_id_mode.h"

#include <algorithm>
#include <cstdlib>

#include "analyzer/serial.h"

namespace lossgazer {
namespace {

// What is held against a counter.
constexpr int kPlausibleSkip = -2;
constexpr int kStrangeSkip = -4;
constexpr int kJumpSkip = -16;
// With what a counter begins that was just seen to count: its first losses may come at once.
constexpr int kCredit = 6;
// A number that comes late gives back what was held against its counter, and more: where much is
// late, many numbers are missing at a time. Those of another flow never come.
constexpr int kLateNumber = 5;
constexpr int kTrustMostOfLate = 100;
constexpr int kTrustNeededMost = 63;
constexpr int kTrustNeededMore = 12;

// As std::popcount, which is a call into the compiler's library where the processor may lack the
// instruction, and far slower. The bits are spread over a word, four places apart, and summed.
int ones_in(uint8_t bits) {
  return static_cast<int>((bits * 0x08040201U >> 3 & 0x11111111U) * 0x11111111U >> 28);
}

}  // namespace

IpIdMode::Census IpIdMode::add(uint16_t ip_id, uint16_t packets, const IdStep& step,
                               const Skip& skip) {
  if (newest_packets_ == 0) {
    if (ip_id != 0) rebase(ip_id, packets);  // zero: a Linux SYN-ACK, before the counter is in use
    return Census::kGoesOn;
  }
  if (step.kind == IdStep::Kind::kUnknown) return Census::kGoesOn;
  const int plain_step = serial_distance16(newest_, ip_id);
  const int behind = step_between(newest_, ip_id);
  if (step.kind == IdStep::Kind::kPast && (skip.filled || behind > -kLargestStep)) {
    if (skip.filled) trust_ = static_cast<int8_t>(std::min(trust_ + kLateNumber, kTrustMostOfLate));
    return Census::kGoesOn;
  }
  const bool was_swapped = swapped();
  const auto push = [](uint8_t steps, bool bit) {
    return static_cast<uint8_t>(steps << 1 | (bit ? 1 : 0));
  };
  const bool explained = skip.in_holes > 0 && step.kind == IdStep::Kind::kNext;
  plain_steps_ = push(plain_steps_, is_step(plain_step) || explained);
  const int swapped_step = note_swapped_step(ip_id);
  full_steps_ =
      push(full_steps_, (counts_swapped() ? swapped_step : plain_step) == newest_packets_);
  step_count_ = static_cast<uint8_t>(std::min(step_count_ + 1, 8)) & 15;
  swapped_ = counts_swapped() ? 1 : 0;
  Census census = weigh(step, skip);
  if (was_swapped != swapped()) census = Census::kEnds;
  if (census == Census::kEnds) {
    holds_ = 0;
    rebase(ip_id, packets);
    return census;
  }
  // A stray number is passed over; a second one ends the census.
  if (step.kind == IdStep::Kind::kJump && !shared()) return census;
  rounds_ = static_cast<uint16_t>(step.position >> 16);
  newest_ = ip_id;
  newest_packets_ = packets;
  return census;
}

IpIdMode::Census IpIdMode::weigh(const IdStep& step, const Skip& skip) {
  if (shared()) return Census::kGoesOn;
  int weight = 1;
  if (step.kind != IdStep::Kind::kNext) {
    weight = kJumpSkip;
  } else if (skip.shared) {
    ++strikes_;
    weight = shared() ? -kTrustMostOfLate - 1 : kStrangeSkip;
  } else if (const int outside = step.skipped - skip.in_holes; outside > 0) {
    const bool owed = outside <= skip.owed_acks;
    // Where one repeat comes, another was lost. While the counter is learned, a lost acknowledgment
    // says nothing.
    const bool repeated = skip.repeating && outside <= skip.owed_acks + skip.repeats;
    weight = skip.is_foreign(step.skipped)               ? kJumpSkip
             : repeated || (owed && holds_ == 0)         ? 0
             : owed || skip.repeats > 0 || skip.tail > 0 ? kPlausibleSkip
                                                         : kStrangeSkip;
  }
  if (step.skipped > 0 && !skip.shared && strikes_ > 0) --strikes_;
  const int trust = trust_ + weight;
  // Nor does a lost repeat.
  const bool forgiven = holds_ == 0 && weight >= kPlausibleSkip;
  if (trust < 0 && !forgiven) {
    trust_ = 0;
    if (holds_ != 0) {
      trust_needed_ =
          static_cast<uint8_t>(std::min<int>(trust_needed_ + kTrustNeededMore, kTrustNeededMost));
    }
    return Census::kEnds;
  }
  const int most = std::max({kTrustMost, int{trust_needed_}, int{trust_}});
  trust_ = static_cast<int8_t>(std::clamp(trust, 0, most));
  if (holds_ == 0 && trust_ >= trust_needed_) {
    holds_ = 1;
    trust_ = static_cast<int8_t>(std::min(trust_ + kCredit, most));
    return Census::kBegins;
  }
  return Census::kGoesOn;
}

void IpIdMode::rebase(uint16_t ip_id, uint16_t packets) {
  newest_ = ip_id;
  newest_packets_ = packets;
  rounds_ = 1;  // so that there are positions before the base
  base_ = static_cast<uint16_t>(newest_position());
  trust_ = 0;
}

int IpIdMode::distance(uint16_t earlier, uint16_t later) const {
  const int step = step_between(earlier, later);
  return std::abs(step) <= kHorizon ? step : 0;
}

bool IpIdMode::counts_swapped() const { return !counts(plain_steps_) && counts(swapped_steps_); }

bool IpIdMode::counts(uint8_t steps) const {
  const int good = ones_in(steps);
  return (good >= 3 && step_count_ - good <= 1) || (step_count_ > 0 && clean());
}

// Every step so far left out nothing: no lot draws that.
bool IpIdMode::clean() const { return step_count_ == ones_in(full_steps_); }

}  // namespace lossgazer
