// What one sender's IPv4 identification numbers are good for (RFC 6864). Linux counts each TCP
// socket's packets one by one; others share a counter between flows, write it in the wrong byte
// order, draw lots or send zero. Only a counter that was seen to count is evidence of order, and
// only one that is this direction's alone shows by its missing numbers what was lost.
#pragma once

#include <algorithm>
#include <cstdint>

#include "analyzer/serial.h"

namespace lossgazer {

// Where a packet stands among its sender's numbers.
struct IdStep {
  enum class Kind : uint8_t {
    kUnknown,  // it has no number, or there is nothing to compare it with
    kNext,     // sent after all that was seen
    kPast,     // at or before the newest, by less than the counter's horizon
    kJump,     // too far away: another counter, or the same after going round
  };
  Kind kind = Kind::kUnknown;
  uint32_t position = 0;  // its number, unwrapped; comparable with those of the same base
  int skipped = 0;        // kNext: numbers left out before it

  // Nothing is left out, as before nearly all packets.
  [[nodiscard]] bool is_plain() const { return kind == Kind::kNext && skipped == 0; }
};

// Fed with every packet of one direction, in the order of capture. Not thread-safe.
class IpIdMode {
 public:
  // Numbers further apart may have wrapped: 65,536 full packets pass in less than a second at 1
  // Gbit/s.
  static constexpr int kHorizon = 1 << 14;

  // How far `ip_id` is from what was seen; changes nothing.
  [[nodiscard]] IdStep step_to(uint16_t ip_id) const {
    if (newest_packets_ == 0) return {};
    const int distance = step_between(newest_, ip_id);
    // Linux sends zero without counting, in SYN-ACKs and in TIME-WAIT.
    if (ip_id == 0 && distance != newest_packets_) return {};
    const uint32_t position = newest_position() + static_cast<uint32_t>(distance);
    if (distance > kHorizon || distance <= -kHorizon) return {IdStep::Kind::kJump, position, 0};
    if (distance <= 0) return {IdStep::Kind::kPast, position, 0};
    return {IdStep::Kind::kNext, position, std::max(0, distance - newest_packets_)};
  }

  // So many packets may be lost that nothing asked for: a receiver says that there is room again.
  static constexpr int kUnaskedMost = 2;
  // What is known of the numbers that a packet left out.
  struct Skip {
    int in_holes = 0;        // those of a gap in the sequence numbers, as many as fit in it
    int owed_acks = 0;       // those that acknowledgments may have taken
    int repeats = 0;         // those that repeats may have taken
    int tail = 0;            // and new data behind all that was seen
    bool repeating = false;  // this packet is one itself
    bool shared = false;     // another flow of this sender was seen to take them
    bool filled = false;     // kPast: this packet's number was left out before
    // How many its sender can have sent itself under those numbers.
    [[nodiscard]] int possible() const { return in_holes + owed_acks + repeats + tail; }
    // That other packets took some of so many, for certain.
    [[nodiscard]] bool is_foreign(int skipped) const { return skipped > possible() + kUnaskedMost; }
  };
  enum class Census : uint8_t {
    kGoesOn,  // as before
    kBegins,  // the numbers since the base are this direction's alone: it holds from there on
    kEnds,    // they are not, or not any more: there is a new base
  };
  // Takes a packet that is judged and no duplicate. `packets`: how many wire packets, and so how
  // many numbers, it stands for. `step` is what step_to() said of it.
  Census add(uint16_t ip_id, uint16_t packets, const IdStep& step, const Skip& skip);
  // The same, short: for the next number of a counter that is known well, and left none out lately.
  // Returns false, and changes nothing, for any other.
  bool add_plain(uint16_t ip_id, uint16_t packets) {
    if (!is_steady_next(ip_id)) return false;
    note_swapped_step(ip_id);
    if (!shared() && trust_ < std::max(kTrustMost, int{trust_needed_})) ++trust_;
    if (ip_id < newest_) ++rounds_;
    newest_ = ip_id;
    newest_packets_ = packets;
    return true;
  }

  // Whether it can do that.
  [[nodiscard]] bool is_steady_next(uint16_t ip_id) const {
    const auto step = static_cast<uint16_t>(ip_id - newest_);
    const bool in_step = step == newest_packets_ && step >= 1 && step <= kLargestStep;
    return in_step && steady();
  }

  // A counter: steps of 1 to 256 but for one in 8; after the first ones, none left out at all.
  [[nodiscard]] bool sequential() const { return swapped() || counts(plain_steps_); }
  // How far `later` was sent after `earlier`, in numbers; 0 if equal, or too far apart to tell.
  // Meaningful if sequential().
  [[nodiscard]] int distance(uint16_t earlier, uint16_t later) const;
  // The missing numbers since the base are packets that were lost.
  [[nodiscard]] bool census_holds() const { return holds_ != 0; }
  // And little spoke against it lately: what is missing is hardly another flow's.
  [[nodiscard]] bool trusted() const { return holds_ != 0 && trust_ >= kTrustMost / 2; }
  // Other flows take numbers of this counter, for good.
  [[nodiscard]] bool shared() const { return strikes_ >= kStrikesMost; }
  // Nothing says that another flow takes numbers of this counter.
  [[nodiscard]] bool may_be_own() const { return !shared() && (holds_ != 0 || clean()); }
  [[nodiscard]] uint32_t newest_position() const {
    return uint32_t{rounds_} << 16 | (swapped() ? swap_bytes(newest_) : newest_);
  }
  // The position is not from before the base.
  [[nodiscard]] bool is_since_base(uint32_t position) const { return position >= base(); }
  // How many wire packets the newest packet stands for, as was thought.
  [[nodiscard]] uint16_t newest_packets() const { return newest_packets_; }
  // How many numbers there are from the base to the newest packet's last.
  [[nodiscard]] uint32_t numbers_since_base() const {
    return newest_position() + newest_packets_ - base();
  }

 private:
  // Counters of two flows may come close by chance, now and then; of one that is shared, siblings
  // take most of the numbers that are left out.
  static constexpr uint8_t kStrikesMost = 3;

  static constexpr int kLargestStep = 256;
  // Trust in a counter grows with each step that left nothing out, or left out what a gap in the
  // sequence numbers explains, and ends where it went below zero. A counter with every third
  // acknowledgment lost just keeps it; one that others use too, and nobody sees, loses it soon.
  static constexpr int kTrustMost = 31;

  [[nodiscard]] bool swapped() const { return swapped_ != 0; }
  // The last 8 steps left nothing out, and there is nothing more to be learnt.
  [[nodiscard]] bool steady() const {
    return plain_steps_ == 0xff && full_steps_ == 0xff && step_count_ == 8 && swapped_ == 0 &&
           (holds_ != 0 || shared());
  }
  [[nodiscard]] static bool is_step(int distance) {
    return distance >= 1 && distance <= kLargestStep;
  }
  [[nodiscard]] static uint16_t swap_bytes(uint16_t value) {
    return static_cast<uint16_t>(value << 8 | value >> 8);
  }
  int note_swapped_step(uint16_t ip_id) {
    const int step = serial_distance16(swap_bytes(newest_), swap_bytes(ip_id));
    swapped_steps_ = static_cast<uint8_t>(swapped_steps_ << 1 | (is_step(step) ? 1 : 0));
    return step;
  }
  [[nodiscard]] bool counts_swapped() const;
  [[nodiscard]] bool counts(uint8_t steps) const;
  [[nodiscard]] bool clean() const;
  [[nodiscard]] uint32_t base() const { return uint32_t{1} << 16 | base_; }
  // In numbers, negative for one that is behind; it has gone round if that is more than 32,767.
  [[nodiscard]] int step_between(uint16_t earlier, uint16_t later) const {
    return swapped() ? serial_distance16(swap_bytes(earlier), swap_bytes(later))
                     : serial_distance16(earlier, later);
  }
  void rebase(uint16_t ip_id, uint16_t packets);
  [[nodiscard]] Census weigh(const IdStep& step, const Skip& skip);

  uint16_t newest_ = 0;
  uint16_t newest_packets_ = 0;  // 0 until a packet was added
  uint16_t base_ = 0;            // the first number, in counting order
  uint16_t rounds_ = 0;          // how often the counter went round, 1 at the base
  uint8_t plain_steps_ = 0;      // the last 8 steps, newest in bit 0; set: of 1 to 256
  uint8_t swapped_steps_ = 0;    // the same with the bytes swapped
  uint8_t full_steps_ = 0;       // the same; set: no number was left out
  uint8_t step_count_ : 4 = 0;   // up to 8
  uint8_t holds_ : 1 = 0;
  uint8_t strikes_ : 2 = 0;  // siblings seen, less the gaps where none was; up to kStrikesMost
  uint8_t swapped_ : 1 = 0;  // it counts with its bytes swapped alone
  int8_t trust_ = 0;
  uint8_t trust_needed_ = 3;  // for the census to begin; more after each time that it failed
};
static_assert(sizeof(IpIdMode) == 14);

}  // namespace lossgazer
