// How much one direction's packets carry at most, and so how many packets on the wire a captured
// super-packet or a hole stands for. It looks at no sequence numbers.
#pragma once

#include <cstdint>

#include "analyzer/ip_id_mode.h"
#include "analyzer/segment.h"

namespace lossgazer {

inline constexpr uint32_t kTcpHeader = 20;

// Not thread-safe.
class SegmentSize {
 public:
  // One end's SYN says how large segments may be (RFC 9293, section 3.7.1); 0: it does not.
  void limit(uint16_t mss);
  // A packet follows. The one before it, if larger than usual, was a super-packet after all if it
  // took several identification numbers.
  void learn(const Segment& next, const IpIdMode& numbers);
  // `segment` has its sender's newest identification number.
  void note_newest(const Segment& segment) { newest_payload_ = segment.payload_length; }

  // How much one packet of so many bytes carries at most, with headers of this length.
  [[nodiscard]] uint32_t most_of(uint64_t bytes, uint32_t tcp_header_length) const;
  // How many packets carry so many bytes, with headers of this length; at least 1.
  [[nodiscard]] uint16_t packets_in(uint64_t bytes, uint32_t tcp_header_length) const;
  [[nodiscard]] uint16_t packets_of(const Segment& segment) const {
    return packets_in(segment.payload_length, segment.tcp_header_length);
  }

 private:
  uint32_t newest_payload_ = 0;
  uint16_t limit_ = 0;    // the least MSS announced, 0 if none was seen
  uint16_t learned_ = 0;  // from super-packets, 0 if not
};

}  // namespace lossgazer
