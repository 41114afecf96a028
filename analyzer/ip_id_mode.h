// What one sender's IPv4 identification numbers are good for (RFC 6864). Linux counts each TCP
// socket's packets one by one; others share a counter, write it in the wrong byte order, draw lots
// or send zero. Only a counter that was seen to count is evidence of order.
#pragma once

#include <cstdint>

namespace lossgazer {

// Fed with every packet of one direction, in the order of capture. Not thread-safe.
class IpIdMode {
 public:
  // `packets`: how many wire packets, and so how many numbers, this captured packet stands for.
  // Returns whether it is the newest now; a late one is not.
  bool add(uint16_t ip_id, uint16_t packets);

  // At least 3 steps of 1 to 256, and at most one other among the last 8.
  [[nodiscard]] bool sequential() const { return plain() || swapped(); }
  // How far `later` was sent after `earlier`, in numbers; 0 if equal, or too far apart to tell.
  // Meaningful if sequential().
  [[nodiscard]] int distance(uint16_t earlier, uint16_t later) const;
  // Numbers left out between the newest packet and one with `ip_id`. 0 unless the counter is this
  // sender's own, that is, most steps leave out none: elsewhere other flows use the numbers
  // between.
  [[nodiscard]] int skipped_before(uint16_t ip_id) const;
  // The newest packet's number; meaningful once one was added.
  [[nodiscard]] uint16_t newest() const { return newest_; }
  // How many wire packets the newest packet stood for, by the numbers up to one with `ip_id`.
  [[nodiscard]] int step_to(uint16_t ip_id) const { return distance(newest_, ip_id); }

 private:
  [[nodiscard]] bool plain() const { return counts(plain_steps_); }
  [[nodiscard]] bool swapped() const { return !plain() && counts(swapped_steps_); }
  [[nodiscard]] bool counts(uint8_t steps) const;
  // In numbers, negative for one that is behind; it has gone round if that is more than 32,767.
  [[nodiscard]] int step_between(uint16_t earlier, uint16_t later) const;

  uint16_t newest_ = 0;
  uint16_t newest_packets_ = 0;  // 0 until a packet was added
  uint8_t plain_steps_ = 0;      // the last 8 steps, newest in bit 0; set: of 1 to 256
  uint8_t swapped_steps_ = 0;    // the same with the bytes swapped
  uint8_t full_steps_ = 0;       // the same; set: no number was left out
  uint8_t step_count_ = 0;       // up to 8
};

}  // namespace lossgazer
