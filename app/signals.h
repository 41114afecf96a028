// The signals that an operator sends: the end, and a reload. It does neither itself.
#pragma once

#include <atomic>

#include "capture/pipeline.h"

namespace lossgazer {

// Turns SIGINT, SIGTERM and SIGHUP into flags while it lives, and wakes the pipeline's poll(). One
// at a time: a handler has nothing but globals to reach. Any thread may ask.
class Signals {
 public:
  explicit Signals(const Pipeline& pipeline);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] static bool asked_to_stop() { return stop_; }
  // True once for any number of SIGHUPs since the last call.
  [[nodiscard]] static bool take_reload() { return reload_.exchange(false); }

 private:
  static void on_signal(int number);

  static inline std::atomic<bool> stop_{false};
  static inline std::atomic<bool> reload_{false};
  static inline std::atomic<const Pipeline*> pipeline_{nullptr};
  static inline std::atomic<int> handling_{0};  // threads that are in it
};

}  // namespace lossgazer
