#include "app/tshark_rule.h"

#include <chrono>

#include "analyzer/serial.h"

namespace lossgazer {
namespace {

constexpr Duration kThresholdWithoutRtt = std::chrono::milliseconds(3);
constexpr Duration kFastMost = std::chrono::milliseconds(20);
constexpr int kFastDuplicateAcks = 2;

int32_t distance(SeqNum from, SeqNum to) { return serial_distance(from.raw(), to.raw()); }

SeqNum plus(SeqNum number, uint32_t bytes) { return SeqNum(number.raw() + bytes); }

}  // namespace

std::string_view name_of(TsharkName name) {
  switch (name) {
    case TsharkName::kNothing:
      return "";
    case TsharkName::kKeepAlive:
      return "keep_alive";
    case TsharkName::kZeroWindowProbe:
      return "zero_window_probe";
    case TsharkName::kFastRetransmission:
      return "fast_retransmission";
    case TsharkName::kOutOfOrder:
      return "out_of_order";
    case TsharkName::kSpuriousRetransmission:
      return "spurious_retransmission";
    case TsharkName::kRetransmission:
      return "retransmission";
  }
  return "";
}

TsharkAnswer TsharkRule::on(const Segment& segment) {
  TsharkAnswer answer;
  if (!segment.has(kOptionsComplete)) {
    answer.cut_off = true;
    return answer;
  }
  follow_handshake(segment);
  Direction& sent = directions_[static_cast<size_t>(segment.sender())];
  const Direction& back = directions_[static_cast<size_t>(other(segment.sender()))];
  answer.threshold = first_rtt_.value_or(kThresholdWithoutRtt);
  if (sent.next) answer.since_highest = segment.time - sent.next_time;
  answer.name = name(segment, sent, back, answer);

  const bool plain = !segment.flag(kSyn) && !segment.flag(kFin) && !segment.flag(kRst);
  if (segment.ack != sent.ack) {
    sent.duplicate_acks = 0;
  } else if (segment.payload_length == 0 && plain && segment.window != 0 &&
             segment.window == sent.window && segment.seq == sent.next) {
    ++sent.duplicate_acks;
  }
  const SeqNum end = plus(segment.seq, segment.sequence_length());
  if ((!sent.next || distance(*sent.next, end) > 0) &&
      answer.name != TsharkName::kZeroWindowProbe) {
    sent.next = end;
    sent.next_time = segment.time;
  }
  sent.window = segment.window;
  sent.ack = segment.ack;
  sent.ack_time = segment.time;
  return answer;
}

TsharkName TsharkRule::name(const Segment& segment, const Direction& sent, const Direction& back,
                            const TsharkAnswer& answer) const {
  const uint32_t length = segment.payload_length;
  const bool plain = !segment.flag(kSyn) && !segment.flag(kFin) && !segment.flag(kRst);
  if (!sent.next) return TsharkName::kNothing;
  if (length == 1 && segment.seq == sent.next && back.window == 0) {
    return TsharkName::kZeroWindowProbe;
  }
  const int32_t behind = distance(segment.seq, *sent.next);
  if (length <= 1 && behind == 1 && plain) return TsharkName::kKeepAlive;
  const bool has_length = length > 0 || segment.flag(kSyn) || segment.flag(kFin);
  if (!has_length || behind <= 0) return TsharkName::kNothing;
  const SeqNum end = plus(segment.seq, length);
  const bool acknowledged = length > 0 && back.ack && distance(end, *back.ack) >= 0;
  if (acknowledged) return TsharkName::kSpuriousRetransmission;
  if (length > 1 && behind == 1) return TsharkName::kNothing;
  if (back.duplicate_acks >= kFastDuplicateAcks && back.ack == segment.seq &&
      segment.time - back.ack_time < kFastMost) {
    return TsharkName::kFastRetransmission;
  }
  if (answer.since_highest < answer.threshold &&
      sent.next != plus(segment.seq, segment.sequence_length())) {
    return TsharkName::kOutOfOrder;
  }
  return TsharkName::kRetransmission;
}

// Its first round trip: from the SYN to the ACK that ends the handshake.
void TsharkRule::follow_handshake(const Segment& segment) {
  if (segment.flag(kSyn) && !segment.flag(kAck)) {
    syn_ = segment.time;
    after_syn_ = plus(segment.seq, 1);
    opener_ = segment.sender();
    return;
  }
  if (!syn_ || first_rtt_ || segment.sender() != opener_ || !segment.flag(kAck)) return;
  if (segment.seq == after_syn_) first_rtt_ = segment.time - *syn_;
  syn_.reset();
}

}  // namespace lossgazer
