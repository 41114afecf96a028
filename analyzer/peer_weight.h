// How much a peer deserves series of its own: what it did lately.
#pragma once

#include "analyzer/snapshot.h"
#include "analyzer/units.h"

namespace lossgazer {

// Its packets of both directions, and a hundred more for each one lost: from a loss of 1 % on,
// where users begin to ask, that outweighs the traffic. Only lost packets, whose fate is known
// because the peer was heard from again: handshakes and segments sent again to nobody would let
// forged addresses push real peers out.
//
// What was counted weighs half after a minute, so that a peer that went quiet gives way, and one
// that pauses for a few seconds does not. Not thread-safe.
class PeerWeight {
 public:
  void add(const std::array<LossCounters, 2>& counted, CaptureTime now);
  // In packets. `now` is not before the last add().
  [[nodiscard]] double at(CaptureTime now) const;

 private:
  double weight_ = 0;  // at since_
  CaptureTime since_;
};

}  // namespace lossgazer
