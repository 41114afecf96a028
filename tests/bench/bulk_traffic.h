// Makes the traffic that benchmarks are run on: many TCP connections of one host with its peers, as
// a capture next to the host sees them. Each opens with a handshake, sends segments of 1448 bytes
// with timestamps, every second one acknowledged, and loses some of them. The same shape makes the
// same packets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analyzer/units.h"

namespace lossgazer::bench {

struct TrafficShape {
  uint32_t flows = 1000;  // open at a time, at most 50 millions
  uint32_t peers = 1000;
  uint32_t loss_per_mille = 0;  // of the data segments, before they are captured
  uint32_t churn = 0;           // a flow ends after so many data segments; 0: never
};

// A captured packet; lives until the next one is made.
struct BulkPacket {
  CaptureTime time;
  std::span<const std::byte> bytes;  // Ethernet, IPv4 and TCP headers
  uint32_t wire_length = 0;
};

// The host is 192.0.2.1 to .50, its peers are 10.0.0.1 and following. Not thread-safe.
class BulkTraffic {
 public:
  explicit BulkTraffic(const TrafficShape& shape);

  // The next packet, a microsecond after the one before, of a flow drawn by lot.
  [[nodiscard]] BulkPacket next();

 private:
  static constexpr size_t kHeaders = 14 + 20 + 32;

  struct Flow {
    std::array<uint32_t, 2> next_seq{};  // of who opened it, which is the host, and of its peer
    std::array<uint16_t, 2> next_id{};
    uint32_t lost_seq = 0;  // of the segment that is missing; 0: none
    uint32_t sent = 0;      // data segments
    uint16_t port = 0;
    uint8_t step = 0;
  };
  struct Header {
    uint32_t seq = 0;
    uint8_t flags = 0;
    uint32_t payload = 0;
  };

  void open(uint32_t number);
  // One step on in a flow's life. Writes the packet, unless it is lost on its way.
  [[nodiscard]] bool step(uint32_t number);
  void write(uint32_t number, size_t sender, const Header& header);
  [[nodiscard]] uint32_t draw(uint32_t below);

  TrafficShape shape_;
  std::vector<Flow> flows_;
  std::array<std::byte, kHeaders> packet_{};
  uint32_t wire_length_ = 0;
  uint64_t lot_ = 1;
  CaptureTime now_;
};

}  // namespace lossgazer::bench
