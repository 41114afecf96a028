#include "analyzer/peer_ledger.h"

namespace lossgazer {

void PeerLedger::add(std::span<const PeerRow> deltas, CaptureTime now) {
  for (const PeerRow& delta : deltas) {
    PeerKey key = delta.key;
    if (!entries_.contains(key)) {
      if (key.kind != PeerKey::Kind::kOther && peers() >= peers_max_) {
        key = {.kind = PeerKey::Kind::kOther};
        ++expired_[static_cast<size_t>(PeerExpiry::kOverflow)];
      }
      if (key.kind == PeerKey::Kind::kOther) has_other_ = true;
    }
    Entry& entry = entries_[key];
    for (size_t i = 0; i < entry.counters.size(); ++i) entry.counters[i] += delta.counters[i];
    entry.last_counted = now;
  }
}

void PeerLedger::expire(CaptureTime now) {
  std::erase_if(entries_, [&](const auto& item) {
    const bool idle =
        item.first.kind != PeerKey::Kind::kOther && now - item.second.last_counted > ttl_;
    if (idle) ++expired_[static_cast<size_t>(PeerExpiry::kIdle)];
    return idle;
  });
}

std::vector<PeerRow> PeerLedger::rows() const {
  std::vector<PeerRow> rows;
  rows.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) rows.push_back({key, entry.counters});
  return rows;
}

}  // namespace lossgazer
