// What a capture file shows around one packet: what came before it and after, and what was judged
// of it. It judges nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "analyzer/segment.h"
#include "analyzer/verdict.h"
#include "app/tshark_rule.h"

namespace lossgazer {

// Is told all packets of a file, in its order, and the verdicts on them. Not thread-safe.
class PacketStory {
 public:
  explicit PacketStory(const Segment& packet) : packet_(packet) {}

  void see(const Segment& segment);
  void judge(const Verdict& verdict);

  [[nodiscard]] const Segment& packet() const { return packet_; }
  // On the packet, in the order they were reached: the last one holds. None: it was new.
  [[nodiscard]] const std::vector<Verdict>& verdicts() const { return verdicts_; }
  [[nodiscard]] const TsharkAnswer& tshark() const { return tshark_; }

  // Bytes from the packet's first one to `number`; negative before it.
  [[nodiscard]] int64_t offset(SeqNum number) const;
  // Of the same sender, before it: who carried the highest byte; the last that had some of its
  // bytes; who opened the gap that it lies in, and who came before that one.
  [[nodiscard]] const Segment* highest() const;
  [[nodiscard]] const Segment* copy() const;
  struct Gap {
    const Segment* opener = nullptr;
    const Segment* before = nullptr;
    int64_t begin = 0;  // offsets
    int64_t end = 0;
  };
  [[nodiscard]] std::optional<Gap> gap() const;
  [[nodiscard]] const Segment* last_sent() const;
  // Of the receiver, before it: its last acknowledgment, how often it said the same since, and who
  // first acknowledged all of the packet's bytes; who SACKed them, or bytes above them.
  [[nodiscard]] const Segment* last_ack() const;
  [[nodiscard]] size_t repeated_acks() const;
  [[nodiscard]] const Segment* acknowledged_before() const;
  [[nodiscard]] const Segment* sacked_before() const;
  [[nodiscard]] const Segment* sacked_above() const;
  // After it: who acknowledged it, and who told that its bytes came twice (RFC 2883).
  [[nodiscard]] const Segment* answer() const;
  [[nodiscard]] const Segment* dsack() const;

 private:
  // Of both directions, before the packet and after it. So many cannot span half of the sequence
  // numbers, whatever their size.
  static constexpr size_t kKept = 16'384;

  [[nodiscard]] bool begins_anew(const Segment& segment) const;
  [[nodiscard]] bool is_sent(const Segment& segment) const {
    return segment.sender() == packet_.sender();
  }
  [[nodiscard]] int64_t end_of(const Segment& segment) const {
    return offset(segment.seq) + segment.sequence_length();
  }
  [[nodiscard]] int64_t end() const { return packet_.sequence_length(); }
  template <typename Packets, typename Is>
  [[nodiscard]] static const Segment* last_of(const Packets& packets, Is is);
  template <typename Packets, typename Is>
  [[nodiscard]] static const Segment* first_of(const Packets& packets, Is is);

  Segment packet_;
  TsharkRule rule_;
  TsharkAnswer tshark_;
  std::deque<Segment> before_;
  std::vector<Segment> after_;
  std::vector<Verdict> verdicts_;
};

}  // namespace lossgazer
