// Header prediction (Jacobson, 1990), as receivers of TCP do it: nearly every packet of a
// connection at peace is the next one that its sender owed, acknowledges what its receiver sent,
// and says nothing else. All rules of a flow and its tracks come to nothing for such a packet but
// counting it, so it is judged here with one look at each. Both ways come to the same result:
// flow_fuzz and PredictionTest hold them to it.
#include "analyzer/flow.h"
#include "analyzer/serial.h"
#include "analyzer/track_pools.h"

namespace lossgazer {

// It changes nothing of the flow's opening or end, and so neither what connected() says: it is.
bool Flow::predicts(const Segment& segment) const {
  const Sender sender = segment.sender();
  constexpr uint8_t kUnusual = kSyn | kFin | kRst;
  const bool usual = (segment.tcp_flags & (kUnusual | kAck)) == kAck && segment.has(kHasWindow) &&
                     segment.window != 0 && !segment.has(kCongestionExperienced) &&
                     segment.sack_count == 0;
  const bool at_peace = (opening_ == Opening::kDone || opening_ == Opening::kNotSeen) &&
                        reset_ == 0 && fins_ == 0 && segment.time >= last_packet_ &&
                        links_[static_cast<size_t>(sender)] == segment.link;
  return usual && at_peace && track(sender).predicts(segment) &&
         track(other(sender)).predicts_acknowledgment(segment);
}

void Flow::take_predicted(const FlowScene& scene, const Segment& segment) {
  const Sender sender = segment.sender();
  track(sender).take_predicted(scene.pools.log, owner_of(scene.flow_number, sender),
                               scene.counters[counters_index(sender)], segment);
  SenderTrack& back = track(other(sender));
  if (back.take_predicted_acknowledgment(segment)) {
    back.sample_rtt(Scene(scene, *this, other(sender)), segment);
  }
  last_packet_ = segment.time;
  sources_[static_cast<size_t>(sender)] = segment.source;
}

// The next bytes, or none, under the next identification number.
bool SenderTrack::predicts(const Segment& segment) const {
  if (trouble_ != kNone || started_ == 0 || seen_ == 0 || segment.seq != SeqNum(next_))
    return false;
  if (segment.has(kHasIpId) && !census_.is_plain(segment.ip_id)) return false;
  // A single byte may probe a window, and an acknowledgment without a number may be a copy.
  const bool certain = segment.payload_length > 0 ? segment.payload_length > 1 : segment.ip_id != 0;
  return certain && !census_.expects_tail();
}

void SenderTrack::take_predicted(SegmentLog& log, uint32_t owner, LossCounters& counters,
                                 const Segment& segment) {
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
    log.append(owner, log_, begin, next_, segment);
    if (byte_probed_ != 0) byte_probed_ = 0;
    if (probing_ == 0) begin_probe(segment);
  }
  if (segment.has(kHasTsval) &&
      (has_newest_tsval_ == 0 || serial_distance(newest_tsval_, segment.tsval) > 0)) {
    newest_tsval_ = segment.tsval;
    if (has_newest_tsval_ == 0) has_newest_tsval_ = 1;
  }
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

bool SenderTrack::take_predicted_acknowledgment(const Segment& segment) {
  window_ = segment.window;
  if (window_known_ == 0) window_known_ = 1;
  const StreamOffset ack = segment.ack.unwrap(acked_);
  if (ack == acked_) return false;
  acked_ = ack;
  if (duplicate_acks_ != 0) duplicate_acks_ = 0;
  return probing_ != 0;
}

}  // namespace lossgazer
