#include "app/event_filter.h"

namespace lossgazer {

EventFilter::EventFilter(const std::vector<IpPrefix>& peers, const std::vector<VerdictKind>& kinds)
    : peers_(peers) {
  if (kinds.empty()) return;
  kinds_ = 0;
  for (const VerdictKind kind : kinds) kinds_ |= 1U << static_cast<unsigned>(kind);
}

bool EventFilter::passes(const Verdict& verdict) const noexcept {
  if (!has(verdict.kind) && !(verdict.revises && has(*verdict.revises))) return false;
  if (peers_.empty()) return true;
  const auto is_peer = [&](Sender end) { return peers_.contains(verdict.key.end(end).address); };
  if (!verdict.direction) return is_peer(Sender::kLow) || is_peer(Sender::kHigh);
  const bool comes_from_us = *verdict.direction == Direction::kEgress;
  return is_peer(comes_from_us ? other(verdict.sender) : verdict.sender);
}

}  // namespace lossgazer
