#include "analyzer/stray_run.h"

#include <algorithm>

namespace lossgazer {
namespace {

constexpr int kSegmentsWithAck = 2;
constexpr int kOneSided = 4;
// Flows are idle for no longer between the segments of a run.
constexpr Duration kMemory = std::chrono::minutes(1);
// Sequence numbers further ahead may as well be behind (RFC 7323, section 2.3).
constexpr uint64_t kWindowMax = uint64_t{1} << 30;
constexpr uint64_t kRound = uint64_t{1} << 32;

void count(uint8_t& counter) {
  if (counter < UINT8_MAX) ++counter;
}

}  // namespace

void StrayRun::begin(SeqNum number, const Segment& segment, const Known& known) {
  const StreamOffset nearest = number.unwrap(known.next);
  *this = StrayRun();
  known_ = known;
  since_ = segment.time;
  begin_ = next_ = nearest < known.next ? nearest + kRound : nearest;
}

void StrayRun::add_segment(const Segment& segment, const Known& known) {
  StreamOffset offset = segment.seq.unwrap(next_);
  if (segments_ == 0 || known_ != known || !continues(offset)) {
    begin(segment.seq, segment, known);
    offset = begin_;
    has_syn_ = segment.flag(kSyn);
  }
  const StreamOffset end = offset + segment.sequence_length();
  if (end <= next_) return;
  count(segments_);
  next_ = end;
  resume_ = offset;
}

void StrayRun::add_acknowledgment(const Segment& segment, const Known& known) {
  StreamOffset ack = segment.ack.unwrap(next_);
  if (known_ == known && segments_ > 0) {
    if (ack <= begin_ || next_ < ack) return;
    acked_ = std::max(acked_, ack);
    count(acks_);
    return;
  }
  if (known_ != known || acks_ == 0 || !continues(ack)) {
    begin(segment.ack, segment, known);
    ack = begin_;
  } else if (ack <= next_) {
    return;
  }
  count(acks_);
  acked_ = next_ = ack;
}

bool StrayRun::proven(std::optional<CaptureTime> other_end) const {
  if (segments_ > 0 && acks_ > 0) return segments_ >= kSegmentsWithAck;
  return segments_ + acks_ >= kOneSided && (!other_end || *other_end <= since_);
}

bool StrayRun::is_old(CaptureTime now) const { return now - since_ > kMemory; }

uint64_t StrayRun::unseen_bytes(StreamOffset next) const {
  const StreamOffset first_seen = segments_ > 0 ? begin_ : next_;
  const bool told = acks_ > 0 && !has_syn_ && next < first_seen && first_seen - next <= kWindowMax;
  return told ? first_seen - next : 0;
}

}  // namespace lossgazer
