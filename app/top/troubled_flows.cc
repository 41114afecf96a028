#include "app/top/troubled_flows.h"

#include <algorithm>
#include <chrono>
#include <span>

namespace lossgazer {
namespace {

constexpr Duration kQuiet = std::chrono::minutes(2);

}  // namespace

void TroubledFlows::note(const Verdict& verdict) {
  switch (verdict.kind) {
    case VerdictKind::kRetransmission:
    case VerdictKind::kSpuriousRetransmission:
    case VerdictKind::kReordered:
    case VerdictKind::kDuplicate:
      break;
    default:
      return;
  }
  if (!verdict.direction) return;
  const std::lock_guard lock(mutex_);
  TroubledFlow& flow = place_of(verdict);
  flow.last = std::max(flow.last, verdict.time);
  switch (verdict.kind) {
    case VerdictKind::kSpuriousRetransmission:
      ++flow.needless;
      // One that revises this was counted as sent again already, perhaps before this flow had its
      // place.
      if (verdict.revises == VerdictKind::kRetransmission && flow.sent_again >= flow.needless) {
        break;
      }
      [[fallthrough]];
    case VerdictKind::kRetransmission:
      ++flow.sent_again;
      if (verdict.side) flow.last_loss = verdict.side;
      break;
    case VerdictKind::kReordered:
      ++flow.late;
      break;
    default:
      ++flow.copies;
      break;
  }
}

TroubledFlow& TroubledFlows::place_of(const Verdict& verdict) {
  KeyedHash hash(secret_);
  hash.add(verdict.key.low_address);
  hash.add(verdict.key.high_address);
  hash.add(uint64_t{verdict.key.low_port} << 48 | uint64_t{verdict.key.high_port} << 32 |
           verdict.key.encapsulation);
  const size_t first = hash.finish() % (kFlowsMax / kWays) * kWays;
  const std::span<TroubledFlow> places = std::span(table_).subspan(first, kWays);
  const auto found = std::ranges::find_if(places, [&](const TroubledFlow& flow) {
    return flow.key == verdict.key && flow.sender == verdict.sender && flow.events() > 0;
  });
  if (found != places.end()) return *found;
  const auto worth = [&](const TroubledFlow& flow) {
    return verdict.time - flow.last > kQuiet ? 0 : flow.events();
  };
  TroubledFlow& place = *std::ranges::min_element(places, {}, worth);
  place = {.key = verdict.key, .sender = verdict.sender, .direction = *verdict.direction};
  return place;
}

std::vector<TroubledFlow> TroubledFlows::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<TroubledFlow> flows;
  std::ranges::copy_if(table_, std::back_inserter(flows),
                       [](const TroubledFlow& flow) { return flow.events() > 0; });
  return flows;
}

}  // namespace lossgazer
