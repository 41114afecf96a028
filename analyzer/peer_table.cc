#include "analyzer/peer_table.h"

namespace lossgazer {

PeerTable::PeerTable(size_t peers_max, HashKey secret) : secret_(secret), rows_(peers_max + 1) {
  other_ = hold({.kind = PeerKey::Kind::kOther});
  changed_.reserve(peers_max + 1);
}

uint32_t PeerTable::hold(const PeerKey& key) {
  const uint64_t hash = hash_of(secret_, key);
  uint32_t row = index_.find(hash, [&](uint32_t number) { return rows_[number].key == key; });
  if (row == kNone) {
    row = rows_.acquire();
    if (row == kNone) {
      row = other_;
    } else {
      rows_[row].key = key;
      rows_[row].hash = hash;
      index_.insert(hash, row);
    }
  }
  ++rows_[row].holders;
  return row;
}

void PeerTable::release(uint32_t row) {
  if (--rows_[row].holders == 0 && !rows_[row].changed) erase(row);
}

std::array<LossCounters, 2>& PeerTable::counters(uint32_t number) {
  Row& row = rows_[number];
  // Once it has packets, it is known to have changed without a look at another line of the cache.
  const bool quiet = row.counters[0].packets == 0 && row.counters[1].packets == 0;
  if (quiet && !row.changed) {
    row.changed = true;
    changed_.push_back(number);
  }
  return row.counters;
}

std::vector<PeerRow> PeerTable::drain() {
  std::vector<PeerRow> deltas;
  deltas.reserve(changed_.size());
  for (const uint32_t number : changed_) {
    Row& row = rows_[number];
    deltas.push_back({row.key, row.counters});
    row.counters = {};
    row.changed = false;
    if (row.holders == 0) erase(number);
  }
  changed_.clear();
  return deltas;
}

uint32_t PeerTable::move_to(uint32_t row, const PeerKey& key) {
  const uint32_t next = hold(key);
  if (next == other_) {
    release(next);
    return row;
  }
  release(row);
  return next;
}

void PeerTable::erase(uint32_t row) {
  index_.erase(rows_[row].hash, row);
  rows_.release(row);
}

}  // namespace lossgazer
