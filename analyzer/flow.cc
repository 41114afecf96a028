#include "analyzer/flow.h"

#include <algorithm>

namespace lossgazer {
namespace {

// How long the interface that a direction is bound to must be silent before another one's packets
// are taken for the direction's own instead of copies.
constexpr Duration kRebindAfter = std::chrono::seconds(1);
// A flow's packets are captured nearly in order. What is this much before the last one shows a
// clock that was set back, if by too little for FlowClock to tell.
constexpr Duration kDisorderMax = std::chrono::seconds(1);

}  // namespace

Flow::Flow(const FlowKey& key, uint64_t hash, uint32_t row, Sender first_sender, bool has_direction)
    : key_(key),
      hash_(static_cast<uint32_t>(hash)),
      row_(row),
      first_sender_(first_sender),
      has_direction_(has_direction ? 1 : 0) {}

Flow::Outcome Flow::judge(const FlowScene& scene, const Segment& segment) {
  if (predicts(segment)) {
    take_predicted(scene, segment);
    return Outcome::kPredicted;
  }
  const Sender sender = segment.sender();
  SenderTrack& sent = track(sender);
  SenderTrack& back = track(other(sender));
  if (is_copy(segment)) return Outcome::kCopy;
  links_[static_cast<size_t>(sender)] = segment.link;
  if (segment.time < last_packet_ - kDisorderMax) {
    last_packet_ = segment.time;
    for (SenderTrack& each : tracks_) each.set_back(segment.time);
  }
  last_packet_ = std::max(last_packet_, segment.time);
  sources_[static_cast<size_t>(sender)] = segment.source;

  LossCounters& counters = scene.counters[counters_index(sender)];
  if (segment.flag(kSyn) && sent.is_other_stream(segment)) {
    if (segment.flag(kAck)) {
      // Another answer to the same SYN: not of the stream that is known.
      sent.on_other_answer(Scene(scene, *this, sender), segment);
      return Outcome::kJudged;
    }
    finish(scene);  // the ports are used again
    restart();
  }
  if (segment.flag(kSyn)) {
    sent.limit_segment_size(segment.mss);
    back.limit_segment_size(segment.mss);
    // RFC 2018, section 2: both must permit it.
    if (segment.has(kOptionsComplete) && !segment.has(kSackPermitted)) without_sacks_ = 1;
  }

  // What is due is decided before the packet is looked at, so that it does not depend on ticks.
  for (const Sender end : {Sender::kLow, Sender::kHigh}) {
    if (track(end).is_troubled()) settle(scene, end, segment.time);
  }
  if (sent.on_packet(Scene(scene, *this, sender), segment) == SenderTrack::Outcome::kDuplicate) {
    return Outcome::kJudged;
  }
  if (back.on_acknowledgment(Scene(scene, *this, other(sender)), segment)) {
    ++counters.duplicate_acks;
  }
  follow_opening(scene, segment);
  // Data after a reset: it was of another connection, or nobody believed it.
  if (segment.flag(kRst)) {
    reset_ = 1;
  } else if (segment.sequence_length() > 0) {
    reset_ = 0;
  }
  if (segment.flag(kFin))
    fins_ = static_cast<uint8_t>((fins_ | (1U << static_cast<unsigned>(sender))) & 3U);
  return Outcome::kJudged;
}

void Flow::settle(const FlowScene& scene, Sender sender, CaptureTime now) {
  track(sender).settle(Scene(scene, *this, sender), now);
}

void Flow::finish(const FlowScene& scene) {
  for (const Sender sender : {Sender::kLow, Sender::kHigh}) {
    track(sender).finish(Scene(scene, *this, sender));
  }
  close_opening(scene, ConnectionOutcome::kTimeout);
}

// The same packet seen on another interface too: on a bridge and its port, say, or a veth and a
// NIC.
bool Flow::is_copy(const Segment& segment) {
  if (links_[static_cast<size_t>(segment.sender())] == segment.link) return false;
  const std::optional<CaptureTime> last = track(segment.sender()).last_packet();
  return last && segment.time - *last < kRebindAfter;
}

void Flow::restart() {
  tracks_ = {};
  opening_ = Opening::kNotSeen;
  reset_ = 0;
  fins_ = 0;
  without_sacks_ = 0;
}

void Flow::follow_opening(const FlowScene& scene, const Segment& segment) {
  const bool syn = segment.flag(kSyn);
  const bool ack = segment.flag(kAck);
  const bool rst = segment.flag(kRst);
  const bool from_opener = segment.sender() == opener_;
  switch (opening_) {
    case Opening::kNotSeen:
      if (syn && !ack) {
        opener_ = segment.sender();
        opening_ = Opening::kSynSent;
      }
      break;
    case Opening::kSynSent:
      if (rst && !from_opener) {
        close_opening(scene, ConnectionOutcome::kRefused);
      } else if (syn && ack && !from_opener) {
        opening_ = Opening::kAnswered;
      } else if (ack && !syn && !rst && from_opener) {
        close_opening(scene, ConnectionOutcome::kOpened);  // the answer was not captured
      }
      break;
    case Opening::kAnswered:
      // A reset by the one who asked ends what the other had accepted.
      if (from_opener && (ack || rst) && !syn) close_opening(scene, ConnectionOutcome::kOpened);
      break;
    case Opening::kDone:
      break;
  }
}

void Flow::close_opening(const FlowScene& scene, ConnectionOutcome outcome) {
  if (opening_ != Opening::kSynSent && opening_ != Opening::kAnswered) return;
  opening_ = Opening::kDone;
  ++scene.counters[counters_index(opener_)].connections[static_cast<size_t>(outcome)];
}

}  // namespace lossgazer
