#include "analyzer/ip_id_census.h"

#include <algorithm>

namespace lossgazer {
namespace {

// A lost tail is no longer than this many packets: more is another counter, or our own miss.
constexpr int kTailMax = 32;

}  // namespace

IpIdCensus::Numbering IpIdCensus::number(const IdStep& step_seen, const Context& context,
                                         const Gaps& gaps) const {
  Numbering numbering{.step = step_seen, .skip = {}};
  IdStep& step = numbering.step;
  IpIdMode::Skip& skip = numbering.skip;
  if (step.kind == IdStep::Kind::kPast) {
    skip.filled = gaps.list != nullptr && gaps.list->contains(gaps.pool, step.position);
    // A number that was seen cannot bring news.
    const bool brings_news = context.takes_bytes ? context.is_new : context.acks_more;
    if (!skip.filled && mode_.is_since_base(step.position) && brings_news) {
      step.kind = IdStep::Kind::kJump;
    }
  } else if (step.kind == IdStep::Kind::kNext && step.skipped > 0) {
    skip.in_holes = std::min(step.skipped, context.hole_packets);
    skip.owed_acks = context.owed_acks;
    skip.repeating = context.takes_bytes && !context.is_new;
    skip.repeats = context.repeats;
    // New data may have been lost before the first repeat, more than anything tells of.
    if (skip.repeating && repeating_ == 0) skip.tail = kTailMax;
    skip.shared = context.after_sibling;
    numbering.unexplained = std::max(0, step.skipped - skip.in_holes - context.owed_acks);
  }
  return numbering;
}

bool IpIdCensus::was_seen(const Numbering& numbering) const {
  return holds() && numbering.step.kind == IdStep::Kind::kPast && !numbering.skip.filled &&
         mode_.is_since_base(numbering.step.position);
}

IpIdCensus::Taken IpIdCensus::take(uint16_t ip_id, uint16_t packets, const Numbering& numbering,
                                   const Gaps& gaps) {
  const IdStep& step = numbering.step;
  const IpIdMode::Skip& skip = numbering.skip;
  const uint32_t first_missing = mode_.newest_position() + mode_.newest_packets();
  const bool after_super_packet = mode_.newest_packets() > 1;
  const IpIdMode::Census census = mode_.add(ip_id, packets, step, skip);
  Taken taken{.missing = {}, .begins = census == IpIdMode::Census::kBegins};
  if (census == IpIdMode::Census::kEnds) {
    tail_left_ = 0;
    size_proven_ = 0;
    forgotten_ = 0;
    if (gaps.list != nullptr) gaps.list->clear(gaps.pool);
  } else if (step.kind == IdStep::Kind::kPast) {
    set_tail(tail_left_ - packets);
    if (skip.filled) gaps.list->fill(gaps.pool, step.position, packets);
  } else if (step.kind == IdStep::Kind::kNext && step.skipped == 0) {
    if (after_super_packet) size_proven_ = 1;
  } else if (step.kind == IdStep::Kind::kNext && !mode_.shared()) {
    // A super-packet of a size that is not known for sure may have taken the numbers itself.
    int lost = after_super_packet && !size_proven_ ? skip.in_holes : step.skipped;
    // Bytes that are lost leave a hole, or come again, and acknowledgments are owed: no more than
    // that can be lost, the rest are another flow's, or late.
    lost = std::min(lost, skip.is_foreign(step.skipped) ? skip.in_holes : skip.possible());
    if (skip.shared) lost = 0;
    taken.missing = {first_missing, static_cast<uint16_t>(step.skipped),
                     static_cast<uint16_t>(lost)};
  }
  return taken;
}

uint32_t IpIdCensus::covered_by(const Taken& taken, uint16_t packets, const Numbering& numbering,
                                const Gaps& gaps) const {
  if (!holds() || numbering.step.kind == IdStep::Kind::kUnknown) return 0;
  if (!taken.begins) return packets;
  const uint32_t waited_for = gaps.list == nullptr ? 0 : gaps.list->missing(gaps.pool);
  const uint32_t missing = waited_for + forgotten_;
  const uint32_t numbers = mode_.numbers_since_base();
  // Too many to know, or beyond the newest number, which a late one moved back: errs towards less.
  if (forgotten_ == UINT8_MAX || missing >= numbers) return packets;
  return numbers - missing;
}

bool IpIdCensus::may_be_tail(const Numbering& numbering) const {
  return mode_.may_be_own() && !numbering.skip.shared && numbering.unexplained >= 1 &&
         numbering.unexplained <= kTailMax;
}

int IpIdCensus::settle_tail(const Numbering& numbering, bool is_tail, int packets,
                            int hole_packets) {
  if (numbering.step.kind == IdStep::Kind::kPast) return 0;
  const int whole = tail_left_ > 0 ? tail_left_ - hole_packets : numbering.unexplained;
  set_tail(is_tail ? whole - packets : 0);
  repeating_ = is_tail ? 1 : 0;
  return is_tail ? std::clamp(whole, 0, kTailMax) : 0;
}

void IpIdCensus::expect_tail(const Numbering& numbering, int repeats) {
  if (numbering.step.kind != IdStep::Kind::kNext) return;
  if (repeating_ == 0 && may_be_tail(numbering)) {
    set_tail(std::max<int>(tail_left_, numbering.unexplained - repeats));
  }
  repeating_ = 1;
}

void IpIdCensus::set_tail(int packets) {
  tail_left_ = static_cast<uint8_t>(std::clamp(packets, 0, kTailMax)) & 63;
}

}  // namespace lossgazer
