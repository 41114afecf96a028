// How our count of retransmissions agrees with the kernel's own, over the last minutes. It is told
// both; whether the capture sees all that the kernel sends is for its caller to know.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "analyzer/units.h"

namespace lossgazer {

// All but the time are totals that never go down.
struct AgreementSample {
  CaptureTime time;     // of any clock that never goes back
  uint64_t ours = 0;    // egress retransmissions that we counted
  uint64_t kernel = 0;  // and those that the kernel did
  // Rises whenever we may have missed retransmissions, so that nothing can be told of that time.
  uint64_t misses = 0;
  // Packets each of which may be a retransmission that one of us counted, and the other could not.
  uint64_t strays = 0;
};

// Both counts move at different times: the kernel's when it sends, ours when the packet has come
// through the capture and was judged. So the window begins and ends where neither moved since the
// sample before; where they never rest, it ends anyway, and errs by what was on its way.
//
// Not thread-safe.
class KernelAgreement {
 public:
  static constexpr Duration kLongest = std::chrono::minutes(5);  // what the window spans, at most
  static constexpr Duration kShortest = std::chrono::seconds(30);
  static constexpr Duration kStep = std::chrono::seconds(10);      // from edge to edge, at rest
  static constexpr Duration kPatience = std::chrono::seconds(15);  // or if there is no rest
  static constexpr uint64_t kEnough = 50;      // retransmissions that a ratio is made of, at least
  static constexpr uint64_t kStrayShare = 50;  // one stray in so many is borne

  // To be called every few seconds.
  void add(const AgreementSample& now);
  // From now on nothing of before counts.
  void restart();

  // Ours over the kernel's; infinite if the kernel counted none. Nothing while the window is too
  // short, holds too few, or too many strays.
  [[nodiscard]] std::optional<double> ratio() const;

 private:
  std::optional<AgreementSample> last_;
  CaptureTime begun_;
  std::deque<AgreementSample> edges_;  // the window is from the first to the last
};

}  // namespace lossgazer
