// What Wireshark says of a packet, to be told beside our own verdict: its sequence analysis goes by
// sequence numbers and times alone. After Wireshark 4.0, epan/dissectors/packet-tcp.c,
// tcp_analyze_sequence_number(). It never decides anything of ours.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "analyzer/segment.h"
#include "analyzer/units.h"

namespace lossgazer {

// The names by which it filters, without `tcp.analysis.`; nothing for kNothing.
enum class TsharkName : uint8_t {
  kNothing,
  kKeepAlive,
  kZeroWindowProbe,
  kFastRetransmission,
  kOutOfOrder,
  kSpuriousRetransmission,
  kRetransmission,
};
[[nodiscard]] std::string_view name_of(TsharkName name);

// Why: what it compared.
struct TsharkAnswer {
  TsharkName name = TsharkName::kNothing;
  bool cut_off = false;      // it does not look at packets whose TCP header was not captured whole
  Duration since_highest{};  // since the packet with the highest sequence number
  Duration threshold{};  // out of order if sooner than that: the handshake's round trip, or 3 ms
};

// Is told all packets of one flow, in the file's order. Not thread-safe.
class TsharkRule {
 public:
  TsharkAnswer on(const Segment& segment);

 private:
  struct Direction {
    std::optional<SeqNum> next;  // beyond the highest
    CaptureTime next_time;
    std::optional<SeqNum> ack;
    CaptureTime ack_time;
    int duplicate_acks = 0;
    std::optional<uint16_t> window;
  };

  [[nodiscard]] TsharkName name(const Segment& segment, const Direction& sent,
                                const Direction& back, const TsharkAnswer& answer) const;
  void follow_handshake(const Segment& segment);

  std::array<Direction, 2> directions_;  // by Sender
  std::optional<CaptureTime> syn_;
  SeqNum after_syn_;  // of the one who sent it
  Sender opener_ = Sender::kLow;
  std::optional<Duration> first_rtt_;
};

}  // namespace lossgazer
