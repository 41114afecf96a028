// Header prediction (Jacobson, 1990), as receivers of TCP do it: most packets of a connection at
// peace are the next ones that their sender owed, acknowledge what its receiver sent, and say
// nothing else. No rule of a flow and its tracks finds anything in such a packet: what they keep
// for later is written here, after one look at each. Both ways come to the same result:
// PredictionTwin holds them to it. Not predicted are numbers that do not count steadily, and
// acknowledgments without a number.
#include "analyzer/flow.h"
#include "analyzer/track_pools.h"

namespace lossgazer {

// The flow is connected() before and after: the packet has no part in its opening or end.
bool Flow::predicts(const Segment& segment) const {
  const Sender sender = segment.sender();
  const bool usual = (segment.tcp_flags & (kSyn | kFin | kRst | kAck)) == kAck &&
                     segment.has(kHasWindow) && segment.window != 0 &&
                     !segment.has(kCongestionExperienced) && segment.sack_count == 0;
  const bool at_peace = (opening_ == Opening::kDone || opening_ == Opening::kNotSeen) &&
                        reset_ == 0 && fins_ == 0 && segment.time >= last_packet_ &&
                        links_[static_cast<size_t>(sender)] == segment.link;
  return usual && at_peace && track(sender).predicts(segment) &&
         track(other(sender)).predicts_acknowledgment(segment);
}

void Flow::take_predicted(const FlowScene& scene, const Segment& segment) {
  const Sender sender = segment.sender();
  track(sender).take_predicted(Scene(scene, *this, sender), segment);
  track(other(sender)).take_predicted_acknowledgment(Scene(scene, *this, other(sender)), segment);
  last_packet_ = segment.time;
  sources_[static_cast<size_t>(sender)] = segment.source;
}

// The next bytes, or none, under the next identification number.
bool SenderTrack::predicts(const Segment& segment) const {
  if (trouble_ != kNone || started_ == 0 || seen_ == 0 || segment.seq != SeqNum(next_))
    return false;
  if (segment.has(kHasIpId) && !census_.is_steady_next(segment.ip_id)) return false;
  // A single byte may probe a window, an acknowledgment without a number may be a copy, and what
  // reaches far is a stray.
  const bool certain = segment.payload_length > 0
                           ? segment.payload_length > 1 && segment.payload_length <= StrayRun::kFar
                           : segment.ip_id != 0;
  return certain && !census_.expects_tail();
}

void SenderTrack::take_predicted(const Scene& scene, const Segment& segment) {
  LossCounters& counters = scene.counters;
  size_.learn(segment, census_.mode());
  const uint16_t packets = size_.packets_of(segment);
  counters.packets += packets;
  if (segment.has(kHasIpId)) {
    census_.take_plain(segment.ip_id, packets);
    if (census_.holds()) counters.census_packets += packets;
    size_.note_newest(segment);
  }
  if (segment.payload_length > 0) {
    counters.data_segments += packets;
    counters.payload_bytes += segment.payload_length;
    census_.note_new_data();
    const StreamOffset begin = next_;
    next_ = begin + segment.payload_length;
    scene.pools.log.append(scene.owner(), log_, begin, next_, segment);
    // Flags are written to be changed, and not for every packet: see on_packet().
    if (byte_probed_ != 0) byte_probed_ = 0;
    if (probing_ == 0) begin_probe(segment);
  }
  note_tsval(segment);
  last_packet_ = segment.time;
  if (last_was_syn_ != 0) last_was_syn_ = 0;
}

// Of what was sent and seen, and no duplicate.
bool SenderTrack::predicts_acknowledgment(const Segment& segment) const {
  if (trouble_ != kNone || started_ == 0 || seen_ == 0 || acked_ == StreamOffset()) return false;
  const StreamOffset ack = segment.ack.unwrap(acked_);
  if (ack < acked_ || ack > next_) return false;
  return ack > acked_ || acked_ == next_ || segment.payload_length > 0;
}

void SenderTrack::take_predicted_acknowledgment(const Scene& scene, const Segment& segment) {
  window_ = segment.window;
  if (window_known_ == 0) window_known_ = 1;
  const StreamOffset ack = segment.ack.unwrap(acked_);
  if (ack == acked_) return;
  acked_ = ack;
  if (duplicate_acks_ != 0) duplicate_acks_ = 0;
  if (probing_ != 0) sample_rtt(scene, segment);
}

}  // namespace lossgazer
