// What a stretch of network does to packets: loses, delays, reorders and copies them, by lot. Every
// draw comes from the seed, so that a packet's fate depends on what came before it and on nothing
// else. It knows no packet's content and no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <random>
#include <string_view>
#include <vector>

namespace lossgazer::lab {

using Nanoseconds = std::chrono::nanoseconds;

struct Impairment {
  enum class Victims : uint8_t { kAll, kAcks, kData };

  double loss = 0;           // share of the victims, each by itself
  double burst = 0;          // share of the victims at which a burst of losses begins
  double burst_length = 10;  // packets, on average
  Victims victims = Victims::kAll;
  double duplicate = 0;         // share that arrives twice
  Nanoseconds copy_delay{};     // the second copy comes up to so much later
  Nanoseconds delay{};          // of all
  Nanoseconds jitter{};         // more delay, evenly from 0 to this; in order, unless `shuffle`
  bool shuffle = false;         // packets may overtake each other
  double reorder = 0;           // share that is held back
  Nanoseconds reorder_delay{};  // by up to so much
  uint64_t rate = 0;            // bits a second; 0: no limit
  size_t queue = 100;           // packets that wait for the rate; more are lost

  // "loss=0.01,delay=10ms,acks,shuffle". Throws std::invalid_argument naming what it does not know.
  [[nodiscard]] static Impairment parse(std::string_view text);
};

// One stretch in one direction. Not thread-safe.
class Stretch {
 public:
  Stretch(const Impairment& impairment, uint64_t seed) : impairment_(impairment), random_(seed) {}

  enum class Loss : uint8_t { kNone, kLot, kQueue };
  struct Fate {
    Loss loss = Loss::kNone;
    std::vector<Nanoseconds> arrivals{};  // one for each copy, in the order they were made
  };
  // What becomes of a packet that enters at `now`, which never goes back. `wire_bytes` is its size.
  [[nodiscard]] Fate enter(Nanoseconds now, size_t wire_bytes, bool is_pure_ack);

 private:
  [[nodiscard]] bool draw(double share) { return share > 0 && share_(random_) < share; }
  [[nodiscard]] Nanoseconds draw_up_to(Nanoseconds most);
  [[nodiscard]] bool loses(bool is_pure_ack);

  Impairment impairment_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> share_{0, 1};
  size_t burst_left_ = 0;
  std::deque<Nanoseconds> departures_;  // of those that wait for the rate
  Nanoseconds last_arrival_{};
};

}  // namespace lossgazer::lab
