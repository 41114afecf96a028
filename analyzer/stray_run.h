// Segments and acknowledgments that lie far from all that is known of one direction. One of them is
// an old duplicate, was damaged, or is a blind attacker's guess (RFC 5961), and changes nothing.
// Several that fit one another are the stream: the capture stalled for longer than sequence numbers
// can tell, or the ports are used again and the SYN was not seen.
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/segment.h"
#include "analyzer/seq_num.h"
#include "analyzer/units.h"

namespace lossgazer {

// Holds one run: what does not continue it begins another. Not thread-safe.
class StrayRun {
 public:
  // What lies further from the known edge is not believed alone. A guess of an attacker is nearer
  // once in 128 times; what a network holds, and a stall that needs no proof, is mostly less.
  static constexpr uint64_t kFar = uint64_t{1} << 24;

  // What is known of the direction: the stream goes on where it was known if that moved.
  struct Known {
    StreamOffset next;
    StreamOffset acked;
    bool operator==(const Known&) const = default;
  };

  // A segment of the direction's sender. A repeat of what the run has proves nothing.
  void add_segment(const Segment& segment, const Known& known);
  // An acknowledgment by its receiver. Where the run has segments, only one of those counts.
  void add_acknowledgment(const Segment& segment, const Known& known);

  [[nodiscard]] bool empty() const { return segments_ == 0 && acks_ == 0; }
  // Both ends agree. Or one end alone goes on for so long, while the other, last heard at
  // `other_end`, does not say a word: its packets take another way.
  [[nodiscard]] bool proven(std::optional<CaptureTime> other_end) const;
  [[nodiscard]] bool is_old(CaptureTime now) const;

  // Where its newest segment begins, from where the stream is to be followed. Beyond all that was
  // known: a run that lies behind it counts as one that went round.
  [[nodiscard]] StreamOffset resume() const { return resume_; }
  // The highest acknowledgment that fits; 0 for none.
  [[nodiscard]] StreamOffset acked() const { return acked_; }
  // How many bytes beyond `next` were acknowledged and never seen. 0 where that cannot be told:
  // another connection, or so far away that the numbers may have gone round.
  [[nodiscard]] uint64_t unseen_bytes(StreamOffset next) const;

 private:
  void begin(SeqNum number, const Segment& segment, const Known& known);
  [[nodiscard]] bool continues(StreamOffset offset) const {
    return offset + kFar >= next_ && offset <= next_ + kFar;
  }

  Known known_;  // when the run began
  CaptureTime since_;
  StreamOffset begin_;
  StreamOffset next_;  // beyond its highest byte
  StreamOffset acked_;
  StreamOffset resume_;
  uint8_t segments_ = 0;
  uint8_t acks_ = 0;
  bool has_syn_ = false;
};

}  // namespace lossgazer
