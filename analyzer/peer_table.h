// What one shard counted for each peer since the last drain; bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "analyzer/hash_index.h"
#include "analyzer/keyed_hash.h"
#include "analyzer/loss_counters.h"
#include "analyzer/pool.h"
#include "analyzer/snapshot.h"

namespace lossgazer {

// A row lives while a flow holds it or it has counts to hand over. Peers that find no room share
// the row of `other`. Not thread-safe.
class PeerTable {
 public:
  PeerTable(size_t peers_max, HashKey secret);

  // The row of `key`, held once more. Give it back with release().
  [[nodiscard]] uint32_t hold(const PeerKey& key);
  void release(uint32_t row);
  // Holds the row of `key` in place of `row`, and returns which is held now: without room for
  // another, still `row`.
  [[nodiscard]] uint32_t move_to(uint32_t row, const PeerKey& key);
  [[nodiscard]] const PeerKey& key(uint32_t row) const { return rows_[row].key; }
  // The row's counters, about to be changed.
  [[nodiscard]] std::array<LossCounters, 2>& counters(uint32_t row);
  // Brings what a quiet packet touches into the cache.
  void prefetch(uint32_t row) const {
    for (const LossCounters& counters : rows_[row].counters) __builtin_prefetch(&counters, 1);
  }
  // Hands over what was counted, and starts again from zero.
  [[nodiscard]] std::vector<PeerRow> drain();

 private:
  // What a quiet packet touches is in two lines of the cache, one for each direction.
  struct alignas(64) Row {
    std::array<LossCounters, 2> counters;
    bool changed = false;
    uint32_t holders = 0;
    uint64_t hash = 0;
    PeerKey key;
  };
  void erase(uint32_t row);

  HashKey secret_;
  Pool<Row> rows_;
  HashIndex index_;
  uint32_t other_ = kNone;
  std::vector<uint32_t> changed_;
};

}  // namespace lossgazer
