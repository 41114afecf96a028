#include "analyzer/retransmit_ledger.h"

#include <array>
#include <utility>

namespace lossgazer {
namespace {

// The words that node_exporter has for them.
constexpr std::array<std::string_view, 13> kTcpStateName = {
    "",      "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
    "close", "close_wait",  "last_ack", "listen",   "closing",   "syn_recv",
};

}  // namespace

std::string_view tcp_state_name(uint32_t number) {
  return number < kTcpStateName.size() ? kTcpStateName[number] : "";
}

void RetransmitLedger::add(const RetransmitKey& key, uint64_t segments, CaptureTime now) {
  auto place = entries_.find(key);
  if (place == entries_.end()) {
    const size_t own = entries_.size() - (has_other_ ? 1 : 0);
    const bool other = key.peer.kind == PeerKey::Kind::kOther || own >= rows_max_;
    has_other_ = has_other_ || other;
    const auto [admitted, is_new] =
        entries_.try_emplace(other ? RetransmitKey{.peer = {.kind = PeerKey::Kind::kOther}} : key);
    if (is_new) admitted->second.life = ++lives_;
    place = admitted;
  }
  place->second.segments += segments;
  place->second.last_counted = now;
}

void RetransmitLedger::expire(CaptureTime now) {
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.first.peer.kind != PeerKey::Kind::kOther && now - entry.second.last_counted > ttl_;
  });
}

void RetransmitLedger::set_limits(size_t rows_max, Duration ttl) {
  rows_max_ = rows_max;
  ttl_ = ttl;
}

std::vector<RetransmitRow> RetransmitLedger::rows() const {
  std::vector<RetransmitRow> rows;
  rows.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) rows.push_back({key, entry.segments, entry.life});
  return rows;
}

}  // namespace lossgazer
