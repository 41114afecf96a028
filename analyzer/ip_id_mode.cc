#include "analyzer/ip_id_mode.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "analyzer/serial.h"

namespace lossgazer {
namespace {

constexpr int kLargestStep = 256;
// Of the last 8 steps, how many leave out no number where the counter is one socket's alone.
constexpr int kFullStepsMin = 6;
// Numbers further apart may have wrapped: 65,536 full packets pass in less than a second at 1
// Gbit/s.
constexpr int kLargestDistance = 1 << 14;

uint16_t swap_bytes(uint16_t value) { return static_cast<uint16_t>(value << 8 | value >> 8); }

bool is_step(int distance) { return distance >= 1 && distance <= kLargestStep; }

}  // namespace

bool IpIdMode::add(uint16_t ip_id, uint16_t packets) {
  if (newest_packets_ == 0) {
    if (ip_id == 0) return false;  // a Linux SYN-ACK, before the counter is in use
    newest_ = ip_id;
    newest_packets_ = packets;
    return true;
  }
  const int plain_step = serial_distance16(newest_, ip_id);
  const int swapped_step = serial_distance16(swap_bytes(newest_), swap_bytes(ip_id));
  // Linux sends zero without counting in TIME-WAIT; and a late packet says nothing of the counter.
  if (ip_id == 0 && !is_step(plain_step)) return false;
  if (sequential()) {
    const int step = step_between(newest_, ip_id);
    if (step <= 0 && step >= -kLargestStep) return false;
  }
  plain_steps_ = static_cast<uint8_t>(plain_steps_ << 1 | (is_step(plain_step) ? 1 : 0));
  swapped_steps_ = static_cast<uint8_t>(swapped_steps_ << 1 | (is_step(swapped_step) ? 1 : 0));
  const bool full = (swapped() ? swapped_step : plain_step) == newest_packets_;
  full_steps_ = static_cast<uint8_t>(full_steps_ << 1 | (full ? 1 : 0));
  step_count_ = static_cast<uint8_t>(std::min(step_count_ + 1, 8));
  newest_ = ip_id;
  newest_packets_ = packets;
  return true;
}

int IpIdMode::distance(uint16_t earlier, uint16_t later) const {
  const int step = step_between(earlier, later);
  return std::abs(step) <= kLargestDistance ? step : 0;
}

int IpIdMode::skipped_before(uint16_t ip_id) const {
  const bool own_counter = sequential() && std::popcount(full_steps_) >= kFullStepsMin;
  return own_counter ? std::max(0, distance(newest_, ip_id) - newest_packets_) : 0;
}

int IpIdMode::step_between(uint16_t earlier, uint16_t later) const {
  return swapped() ? serial_distance16(swap_bytes(earlier), swap_bytes(later))
                   : serial_distance16(earlier, later);
}

bool IpIdMode::counts(uint8_t steps) const {
  const int good = std::popcount(steps);
  return good >= 3 && step_count_ - good <= 1;
}

}  // namespace lossgazer
