#include "app/explain.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string_view>

#include "analyzer/serial.h"
#include "app/verdict_text.h"

namespace lossgazer {
namespace {

std::string span_text(Duration span) {
  const double us = std::chrono::duration<double, std::micro>(span).count();
  if (us < 1000) return fmt::format("{:.0f} us", us);
  if (us < 1'000'000) return fmt::format("{:.1f} ms", us / 1000);
  return fmt::format("{:.2f} s", us / 1'000'000);
}

std::string bytes_text(int64_t bytes) {
  return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
}

// Writes the sentences of one story.
class Teller {
 public:
  explicit Teller(const PacketStory& story) : story_(story), packet_(story.packet()) {}

  std::string tell() {
    introduce();
    conclude();
    heading("Before it");
    tell_highest();
    tell_copies();
    tell_receiver();
    if (const Verdict* last = verdict()) {
      heading("What decided");
      say(reason(*last));
    }
    heading("After it");
    tell_answer();
    heading("Wireshark's rule");
    tell_tshark();
    return std::move(text_);
  }

 private:
  [[nodiscard]] const Verdict* verdict() const {
    return story_.verdicts().empty() ? nullptr : &story_.verdicts().back();
  }
  void heading(std::string_view words) { text_ += fmt::format("\n{}\n", words); }
  void say(const std::string& sentence) { text_ += fmt::format("  {}\n", sentence); }
  // "frame 12, 3.1 ms before"
  [[nodiscard]] std::string at(const Segment& other) const {
    const Duration apart = packet_.time - other.time;
    return fmt::format("frame {}, {} {}", other.frame, span_text(std::chrono::abs(apart)),
                       apart < Duration::zero() ? "later" : "before");
  }

  void introduce();
  void conclude();
  void tell_highest();
  void tell_copies();
  void tell_receiver();
  void tell_answer();
  void tell_tshark();
  [[nodiscard]] std::string why_tshark_differs(TsharkName name) const;
  [[nodiscard]] std::string reason(const Verdict& verdict) const;
  [[nodiscard]] std::string order_by(std::string_view what, std::string_view field,
                                     const Segment& other, int64_t ours, int64_t theirs,
                                     int64_t distance) const;
  // Whom it is compared with: who opened its gap, or the earlier copy.
  [[nodiscard]] const Segment* other() const {
    const Segment* copy = story_.copy();
    const auto gap = story_.gap();
    return copy != nullptr ? copy : gap ? gap->opener : nullptr;
  }

  const PacketStory& story_;
  const Segment& packet_;
  std::string text_;
};

void Teller::introduce() {
  const Endpoint source = packet_.key.end(packet_.sender());
  const Endpoint destination = packet_.key.end(lossgazer::other(packet_.sender()));
  text_ += fmt::format("Frame {}, {}: {} port {} to {} port {}, seq {}, {}", packet_.frame,
                       rfc3339(packet_.time), source.address.to_string(), source.port,
                       destination.address.to_string(), destination.port, packet_.seq.raw(),
                       bytes_text(packet_.payload_length));
  if (packet_.flag(kSyn)) text_ += ", SYN";
  if (packet_.flag(kFin)) text_ += ", FIN";
  if (packet_.flag(kRst)) text_ += ", RST";
  if (packet_.flag(kAck)) text_ += fmt::format(", ack {}", packet_.ack.raw());
  if (packet_.has(kHasIpId)) text_ += fmt::format(", IP-ID {}", packet_.ip_id);
  if (packet_.has(kHasTsval)) text_ += fmt::format(", TSval {}", packet_.tsval);
  text_ += "\n";
}

void Teller::conclude() {
  const Verdict* last = verdict();
  if (last == nullptr) {
    text_ += "Verdict: nothing but in order\n";
    return;
  }
  text_ += fmt::format("Verdict: {}, by {}", name_of(last->kind), name_of(last->evidence));
  if (last->side) {
    text_ += fmt::format("; the first copy was lost {} the capture point, side {}",
                         *last->side == Side::kBefore ? "before" : "after", side_of(*last));
  }
  text_ += "\n";
  for (const Verdict& earlier : story_.verdicts()) {
    if (&earlier == last) continue;
    text_ += fmt::format("At first: {}, by {}; what came later changed that\n",
                         name_of(earlier.kind), name_of(earlier.evidence));
  }
}

void Teller::tell_highest() {
  const Segment* highest = story_.highest();
  if (highest == nullptr) return say("It is the first of its sender that has a length.");
  const int64_t end = story_.offset(highest->seq) + highest->sequence_length();
  if (end > 0) {
    say(fmt::format("Its sender had sent up to {} beyond its first one ({}).", bytes_text(end),
                    at(*highest)));
  } else if (end < 0) {
    say(fmt::format("It leaves out {} after the highest so far ({}).", bytes_text(-end),
                    at(*highest)));
  } else {
    say(fmt::format("It goes on where its sender was ({}).", at(*highest)));
  }
}

void Teller::tell_copies() {
  if (packet_.sequence_length() == 0) return;
  if (const Segment* copy = story_.copy()) {
    say(fmt::format("Some of its bytes were captured before ({}).", at(*copy)));
    return;
  }
  const auto gap = story_.gap();
  if (!gap) return;
  say(fmt::format(
      "Its bytes were not captured before. They lie in a gap of {} that was opened {} after frame "
      "{} ({}).",
      bytes_text(gap->end - gap->begin), span_text(gap->opener->time - gap->before->time),
      gap->before->frame, at(*gap->opener)));
}

void Teller::tell_receiver() {
  const Segment* ack = story_.last_ack();
  if (ack == nullptr) return say("Its receiver was not heard.");
  const int64_t beyond = story_.offset(ack->ack);
  std::string sentence = fmt::format("Its receiver had acknowledged ");
  if (beyond == 0) {
    sentence += "all up to it";
  } else {
    sentence += fmt::format("up to {} {} its first", bytes_text(std::abs(beyond)),
                            beyond < 0 ? "before" : "beyond");
  }
  sentence += fmt::format(" ({})", at(*ack));
  if (const size_t same = story_.repeated_acks(); same > 0) {
    sentence +=
        same == 1 ? ", and said so once more" : fmt::format(", and said so {} times more", same);
  }
  say(sentence + ".");
  if (const Segment* sack = story_.sacked_before()) {
    say(fmt::format("It had SACKed these bytes ({}).", at(*sack)));
  } else if (const Segment* above = story_.sacked_above()) {
    say(fmt::format("It had SACKed bytes above it ({}).", at(*above)));
  }
}

void Teller::tell_answer() {
  const Segment* answer = packet_.sequence_length() == 0 ? nullptr : story_.answer();
  if (answer == nullptr) {
    say(packet_.sequence_length() == 0 ? "There is nothing to acknowledge."
                                       : "Nothing acknowledged it.");
  } else {
    std::string sentence = fmt::format("It was acknowledged ({}", at(*answer));
    if (answer->has(kHasTsecr)) sentence += fmt::format(", TSecr {}", answer->tsecr);
    say(sentence + ").");
  }
  if (const Segment* dsack = story_.dsack()) {
    say(fmt::format("Its receiver said that it had these bytes twice ({}, SACK {} to {}).",
                    at(*dsack), dsack->sack.front().left.raw(), dsack->sack.front().right.raw()));
  }
}

// How a field that counts up tells which of two packets was sent first.
std::string Teller::order_by(std::string_view what, std::string_view field, const Segment& other,
                             int64_t ours, int64_t theirs, int64_t distance) const {
  const std::string_view order = distance > 0   ? "later"
                                 : distance < 0 ? "earlier"
                                                : "no later and no earlier";
  return fmt::format("Its {} is {}, that of {} ({}) is {}: it was sent {}.", field, ours, what,
                     at(other), theirs, order);
}

std::string Teller::reason(const Verdict& verdict) const {
  const auto gap = story_.gap();
  const Segment* other = this->other();
  const std::string_view what =
      story_.copy() != nullptr ? "the earlier copy" : "the one that opened the gap";
  switch (verdict.evidence) {
    case Evidence::kUndecided:
      return "Nothing had to be decided.";
    case Evidence::kIpId:
      if (other == nullptr) return "Its IP identification number is out of turn.";
      return order_by(what, "IP-ID", *other, packet_.ip_id, other->ip_id,
                      serial_distance16(other->ip_id, packet_.ip_id));
    case Evidence::kTsval:
      if (other == nullptr) return "Its timestamp is out of turn.";
      return order_by(what, "TSval", *other, packet_.tsval, other->tsval,
                      serial_distance(other->tsval, packet_.tsval));
    case Evidence::kAckField:
      if (other == nullptr) return "Its acknowledgment number is out of turn.";
      return order_by(what, "acknowledgment", *other, packet_.ack.raw(), other->ack.raw(),
                      serial_distance(other->ack.raw(), packet_.ack.raw()));
    case Evidence::kIdenticalCopy:
      return fmt::format(
          "Its header is that of the earlier copy{}, too soon for its sender to know of a loss: "
          "the "
          "network made it.",
          other == nullptr ? "" : fmt::format(" ({})", at(*other)));
    case Evidence::kAcknowledged: {
      const Segment* by = story_.acknowledged_before();
      return by == nullptr
                 ? "Its bytes had been acknowledged: it was needless."
                 : fmt::format("Its bytes had been acknowledged ({}): it was needless.", at(*by));
    }
    case Evidence::kSacked:
      return "Its bytes had been SACKed: it was needless.";
    case Evidence::kSeenBefore:
      return "Its bytes were captured before, and nothing says that they arrived.";
    case Evidence::kProximity:
      return fmt::format(
          "It came {} after the gap was opened: too soon for its sender to have heard of it.",
          gap ? span_text(packet_.time - gap->opener->time) : "shortly");
    case Evidence::kDuplicateAcks:
      return "Its receiver had said again and again that it waited for these bytes.";
    case Evidence::kSackAbove:
      return "Its receiver had SACKed what follows: its sender knew that it was missing.";
    case Evidence::kTimeOut:
      return "It came later than a retransmission time-out.";
    case Evidence::kLowConfidence:
      return "Nothing tells which was sent first: it is taken for a late original, at low "
             "confidence.";
    case Evidence::kSkippedIpId: {
      const Segment* last = story_.last_sent();
      return last == nullptr
                 ? "A number was skipped, and then came a time-out's wait."
                 : fmt::format(
                       "Its IP-ID is {} after that of its sender's packet before ({}), which takes "
                       "one that was lost; the wait is that of a probe or time-out: it is the "
                       "repeat of a lost tail.",
                       serial_distance16(last->ip_id, packet_.ip_id), at(*last));
    }
    case Evidence::kDsack:
      return "Its receiver said that it had these bytes twice (DSACK): it was needless.";
    case Evidence::kEifel: {
      const Segment* by = story_.answer();
      return by == nullptr
                 ? "The first acknowledgment echoed a timestamp older than its own: it answers the "
                   "first copy."
                 : fmt::format(
                       "The first acknowledgment ({}) echoed {}, older than its TSval {}: it "
                       "answers the first copy.",
                       at(*by), by->tsecr, packet_.tsval);
    }
    case Evidence::kAckTiming: {
      const Segment* by = story_.answer();
      return fmt::format(
          "It was acknowledged{}, sooner than any round trip: that answers the first copy.",
          by == nullptr ? "" : fmt::format(" {} later", span_text(by->time - packet_.time)));
    }
    case Evidence::kAnnounced:
      return "An earlier packet without data had a sequence number beyond it: it had been sent "
             "before that.";
    case Evidence::kWindow:
      return "The receiver's window was closed.";
  }
  return "";
}

void Teller::tell_tshark() {
  const TsharkAnswer& answer = story_.tshark();
  if (answer.cut_off) {
    return say("It says nothing of packets whose TCP options were not captured whole.");
  }
  if (answer.name == TsharkName::kNothing) {
    say("It sees nothing but a packet in order.");
  } else {
    say(fmt::format("It calls this tcp.analysis.{}.", name_of(answer.name)));
  }
  if (const std::string why = why_tshark_differs(answer.name); !why.empty()) say(why);
}

// Nothing where it agrees.
std::string Teller::why_tshark_differs(TsharkName name) const {
  const VerdictKind ours = verdict() == nullptr ? VerdictKind::kInOrder : verdict()->kind;
  const TsharkAnswer& answer = story_.tshark();
  switch (name) {
    case TsharkName::kNothing:
      if (ours == VerdictKind::kInOrder) return "";
      return "It looks at sequence numbers, and these go on; what else shows the first copy is not "
             "looked at.";
    case TsharkName::kKeepAlive:
      return ours == VerdictKind::kKeepAlive
                 ? ""
                 : "It takes any packet of a byte at most, one byte back, for that.";
    case TsharkName::kZeroWindowProbe:
      return ours == VerdictKind::kWindowProbe ? "" : "It goes by the last window alone.";
    case TsharkName::kOutOfOrder:
      if (ours == VerdictKind::kReordered) return "";
      return fmt::format(
          "It goes by time alone: {} after the highest byte is less than {}, the handshake's round "
          "trip or 3 ms.",
          span_text(answer.since_highest), span_text(answer.threshold));
    case TsharkName::kSpuriousRetransmission:
      if (ours == VerdictKind::kSpuriousRetransmission) return "";
      return "It takes all that was acknowledged before for that, late originals and the network's "
             "copies too.";
    case TsharkName::kFastRetransmission:
    case TsharkName::kRetransmission:
      if (ours == VerdictKind::kRetransmission) return "";
      if (ours == VerdictKind::kSpuriousRetransmission) {
        return "It looks neither at what came later nor at SACKs.";
      }
      if (name == TsharkName::kFastRetransmission) {
        return "It takes what comes within 20 ms of repeated acknowledgments for that.";
      }
      if (answer.since_highest < answer.threshold) {
        return "It takes what ends at the highest byte for no disorder.";
      }
      return fmt::format(
          "It goes by time alone: {} after the highest byte is not less than {}, the handshake's "
          "round trip or 3 ms.",
          span_text(answer.since_highest), span_text(answer.threshold));
  }
  return "";
}

}  // namespace

std::string explanation(const PacketStory& story) { return Teller(story).tell(); }

}  // namespace lossgazer
