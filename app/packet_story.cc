#include "app/packet_story.h"

#include <algorithm>
#include <span>

#include "analyzer/serial.h"

namespace lossgazer {

void PacketStory::see(const Segment& segment) {
  if (segment.key != packet_.key) return;
  if (segment.frame <= packet_.frame && begins_anew(segment)) {
    before_.clear();
    rule_ = {};
  }
  const TsharkAnswer answer = rule_.on(segment);
  if (segment.frame == packet_.frame) {
    tshark_ = answer;
  } else if (segment.frame < packet_.frame) {
    before_.push_back(segment);
    if (before_.size() > kKept) before_.pop_front();
  } else if (after_.size() < kKept) {
    after_.push_back(segment);
  }
}

// The ports are used again: what came before is another connection's.
bool PacketStory::begins_anew(const Segment& segment) const {
  if (!segment.flag(kSyn) || segment.flag(kAck)) return false;
  return std::ranges::none_of(before_, [&](const Segment& earlier) {
    return earlier.flag(kSyn) && !earlier.flag(kAck) && earlier.seq == segment.seq;
  });
}

void PacketStory::judge(const Verdict& verdict) {
  if (verdict.frame == packet_.frame && verdict.key == packet_.key) verdicts_.push_back(verdict);
}

int64_t PacketStory::offset(SeqNum number) const {
  return serial_distance(packet_.seq.raw(), number.raw());
}

template <typename Packets, typename Is>
const Segment* PacketStory::last_of(const Packets& packets, Is is) {
  const auto found = std::find_if(packets.rbegin(), packets.rend(), is);
  return found == packets.rend() ? nullptr : &*found;
}

template <typename Packets, typename Is>
const Segment* PacketStory::first_of(const Packets& packets, Is is) {
  const auto found = std::ranges::find_if(packets, is);
  return found == packets.end() ? nullptr : &*found;
}

const Segment* PacketStory::highest() const {
  const Segment* result = nullptr;
  for (const Segment& segment : before_) {
    if (!is_sent(segment) || segment.sequence_length() == 0) continue;
    if (result == nullptr || end_of(segment) > end_of(*result)) result = &segment;
  }
  return result;
}

const Segment* PacketStory::copy() const {
  return last_of(before_, [this](const Segment& segment) {
    return is_sent(segment) && segment.sequence_length() > 0 && offset(segment.seq) < end() &&
           end_of(segment) > 0;
  });
}

std::optional<PacketStory::Gap> PacketStory::gap() const {
  std::optional<Gap> result;
  const Segment* highest = nullptr;
  for (const Segment& segment : before_) {
    if (!is_sent(segment) || segment.sequence_length() == 0) continue;
    const int64_t begin = offset(segment.seq);
    if (highest != nullptr && begin > end_of(*highest) && begin > 0 && end_of(*highest) < end()) {
      result = {.opener = &segment, .before = highest, .begin = end_of(*highest), .end = begin};
    }
    if (highest == nullptr || end_of(segment) > end_of(*highest)) highest = &segment;
  }
  return result;
}

const Segment* PacketStory::last_sent() const {
  return last_of(before_, [this](const Segment& segment) { return is_sent(segment); });
}

const Segment* PacketStory::last_ack() const {
  return last_of(
      before_, [this](const Segment& segment) { return !is_sent(segment) && segment.flag(kAck); });
}

size_t PacketStory::repeated_acks() const {
  const Segment* last = last_ack();
  if (last == nullptr) return 0;
  size_t same = 0;
  for (auto segment = before_.rbegin(); segment != before_.rend(); ++segment) {
    if (is_sent(*segment) || segment->payload_length > 0 || !segment->flag(kAck)) continue;
    if (segment->ack != last->ack) break;
    ++same;
  }
  return same == 0 ? 0 : same - 1;
}

const Segment* PacketStory::acknowledged_before() const {
  return first_of(before_, [this](const Segment& segment) {
    return !is_sent(segment) && segment.flag(kAck) && offset(segment.ack) >= end();
  });
}

const Segment* PacketStory::sacked_before() const {
  return first_of(before_, [this](const Segment& segment) {
    return !is_sent(segment) &&
           std::ranges::any_of(std::span(segment.sack).first(segment.sack_count),
                               [this](const SackBlock& block) {
                                 return offset(block.left) <= 0 && offset(block.right) >= end();
                               });
  });
}

const Segment* PacketStory::sacked_above() const {
  return last_of(before_, [this](const Segment& segment) {
    return !is_sent(segment) &&
           std::ranges::any_of(
               std::span(segment.sack).first(segment.sack_count),
               [this](const SackBlock& block) { return offset(block.left) >= end(); });
  });
}

const Segment* PacketStory::answer() const {
  return first_of(after_, [this](const Segment& segment) {
    return !is_sent(segment) && segment.flag(kAck) && offset(segment.ack) >= end();
  });
}

const Segment* PacketStory::dsack() const {
  return first_of(after_, [this](const Segment& segment) {
    if (is_sent(segment) || segment.sack_count == 0) return false;
    const SackBlock& first = segment.sack.front();
    const bool below_ack = offset(first.right) <= offset(segment.ack);
    const bool within = segment.sack_count > 1 &&
                        offset(first.left) >= offset(segment.sack[1].left) &&
                        offset(first.right) <= offset(segment.sack[1].right);
    return (below_ack || within) && offset(first.left) < end() && offset(first.right) > 0;
  });
}

}  // namespace lossgazer
