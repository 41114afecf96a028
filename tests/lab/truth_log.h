// What really happened, packet by packet: the lab's log of every decision, and the capture files at
// the three taps. What is written here is what lossgazer is held to; tests/lab/truth.py reads it.
#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>

#include "tests/lab/impairment.h"
#include "tests/lab/wire_packet.h"

namespace lossgazer::lab {

enum class Sender : uint8_t { kA, kB };
enum class Event : uint8_t { kSent, kLost, kQueueLost, kCaptured, kDelivered };

// A tap: the same frames in three files, NAME.whole.pcap with 128 bytes a frame, NAME.view.pcap as
// lossgazer's live filter cuts them (whole headers where there is no payload) and NAME.cut.pcap, 64
// of each. Nanosecond pcap, Ethernet.
class Tap {
 public:
  explicit Tap(const std::string& path);
  // Returns the frame's number in the files, from 1.
  uint32_t capture(Nanoseconds time, std::span<const uint8_t> frame, const HeaderFacts& facts);

 private:
  void write(std::ofstream& file, Nanoseconds time, std::span<const uint8_t> frame, size_t kept);

  std::array<std::ofstream, 3> files_;
  uint32_t frames_ = 0;
};

class TruthLog {
 public:
  explicit TruthLog(const std::string& path);
  // `place`: the stretch where it was lost, or the tap where it was captured, from A on.
  void write(Nanoseconds time, Event event, Sender sender, const WirePacket& packet,
             uint8_t place = 0, uint32_t frame = 0);

 private:
  std::ofstream file_;
};

}  // namespace lossgazer::lab
