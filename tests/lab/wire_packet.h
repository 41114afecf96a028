// A TCP packet on the lab's wire: the frame's bytes and what the truth log says of it.
// Super-packets (TSO, GRO) are cut into wire packets and put together again as network cards do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lossgazer::lab {

using Bytes = std::vector<uint8_t>;

// The facts of one frame that the truth log holds.
struct HeaderFacts {
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint32_t payload_length = 0;
  uint32_t tsval = 0;
  uint16_t ip_id = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t flags = 0;
  size_t ip_offset = 0;
  size_t tcp_offset = 0;
  size_t payload_offset = 0;
  bool is_v6 = false;
};

// Of an Ethernet frame with IPv4 or IPv6 and TCP; nothing of any other. The frame is the kernel's
// own, and whole.
[[nodiscard]] std::optional<HeaderFacts> facts_of(std::span<const uint8_t> frame);

// A packet as it travels. `number` is its place among all that were sent, from 1.
struct WirePacket {
  Bytes frame;
  HeaderFacts facts;
  uint32_t number = 0;
  uint16_t copy = 0;  // 0 for the first
};

// The wire packets that a frame with payload in units of `segment_size` stands for; 0: one.
[[nodiscard]] std::vector<Bytes> split(const Bytes& frame, const HeaderFacts& facts,
                                       size_t segment_size);

// Puts `next` at the end of `frame` if a network card would: the same flow, contiguous in sequence
// and identification number, the same options and ACK, all but the last of the same size.
class Aggregate {
 public:
  explicit Aggregate(WirePacket first);
  [[nodiscard]] bool try_add(const WirePacket& next);

  [[nodiscard]] const std::vector<WirePacket>& packets() const { return packets_; }
  // The frame of all of them, with correct checksums and lengths.
  [[nodiscard]] Bytes frame() const;
  // Payload of all packets but the last; 0 if there is only one.
  [[nodiscard]] size_t segment_size() const;

 private:
  std::vector<WirePacket> packets_;
};

}  // namespace lossgazer::lab
