// The exported totals: what every shard's deltas add up to, for a bounded number of peers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "analyzer/capture_health.h"
#include "analyzer/snapshot.h"

namespace lossgazer {

// A peer is admitted while there is room, first come first served, and forgotten when no packet of
// it was counted for the time to live; `other` takes what comes from peers that are not admitted.
// An expired peer's totals go nowhere: if it comes back it starts from zero. Totals never go down.
// Not thread-safe.
class PeerLedger {
 public:
  PeerLedger(size_t peers_max, Duration ttl) : peers_max_(peers_max), ttl_(ttl) {}

  // Adds what shards counted since the last time. `now` only measures how long a peer is idle, so
  // any clock will do that is the same for add() and expire().
  void add(std::span<const PeerRow> deltas, CaptureTime now);
  void expire(CaptureTime now);
  // Peers already admitted stay, even if there are now too many, until they are idle.
  void set_limits(size_t peers_max, Duration ttl) {
    peers_max_ = peers_max;
    ttl_ = ttl;
  }

  [[nodiscard]] std::vector<PeerRow> rows() const;  // in the order of their keys
  [[nodiscard]] size_t peers() const { return entries_.size() - (has_other_ ? 1 : 0); }
  [[nodiscard]] size_t peers_max() const { return peers_max_; }
  // By PeerExpiry: forgotten when idle; refused a row of their own for want of room.
  [[nodiscard]] const std::array<uint64_t, 2>& expired() const { return expired_; }

 private:
  struct Entry {
    std::array<LossCounters, 2> counters;
    CaptureTime last_counted;
  };
  size_t peers_max_;
  Duration ttl_;
  std::map<PeerKey, Entry> entries_;
  bool has_other_ = false;
  std::array<uint64_t, 2> expired_{};
};

}  // namespace lossgazer
