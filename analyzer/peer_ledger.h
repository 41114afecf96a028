// The exported totals: what every shard's deltas add up to, for a bounded number of peers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "analyzer/capture_health.h"
#include "analyzer/peer_weight.h"
#include "analyzer/snapshot.h"

namespace lossgazer {

// Peers have rows of their own while there is room; `other` takes what comes from the rest, who are
// candidates. The heaviest shall have the rows (PeerWeight), but rows that come and go cost a
// server more than they tell, so:
// - the lightest row is given up only for a candidate that weighs twice as much and 16 packets more
//   (a scan's few packets displace nobody), and has been one for five seconds;
// - a new row stays for ten seconds, whatever comes;
// - half of all rows (and a few) may change hands at once, as they must when traffic changes, but
//   lastingly no more than all of them in ten minutes, whatever an attacker sends.
//
// A row also ends when no packet of its peer was counted for the time to live. The totals of a row
// that ended go nowhere but to departed(): a peer that comes back starts from zero, with a new
// `life`, and `other` takes only what comes after. So a row's totals never go down, and rows() and
// departed() together are all that was ever added.
//
// Not thread-safe.
class PeerLedger {
 public:
  PeerLedger(size_t peers_max, Duration ttl)
      : peers_max_(peers_max), ttl_(ttl), changes_left_(changes_at_once()) {}

  // Adds what shards counted since the last time. `now` only measures how long ago things were, so
  // any clock will do that never goes back and is the same for all functions here. If there is not
  // room for all that is new, the heaviest get it.
  void add(std::span<const PeerRow> deltas, CaptureTime now);
  // Time passes: ends the rows of idle peers and, once a second, gives rows to heavier candidates.
  // To be called several times a second.
  void expire(CaptureTime now);
  // With a lower limit, the lightest rows end at once.
  void set_limits(size_t peers_max, Duration ttl, CaptureTime now);

  [[nodiscard]] std::vector<PeerRow> rows() const;  // in the order of their keys
  // The totals of all rows that ended, by Direction.
  [[nodiscard]] const std::array<LossCounters, 2>& departed() const { return departed_; }
  [[nodiscard]] size_t peers() const { return entries_.size() - (has_other_ ? 1 : 0); }
  [[nodiscard]] size_t peers_max() const { return peers_max_; }
  [[nodiscard]] size_t candidates() const { return candidates_.size(); }
  // What candidates() never exceeds: the lightest are forgotten.
  [[nodiscard]] size_t candidates_max() const;
  // By PeerExpiry: rows that ended idle; and how often a peer came to be counted as `other`,
  // because it was new and found no room or because a heavier one took its row. One that was so
  // light as a candidate that it was forgotten is new again.
  [[nodiscard]] const std::array<uint64_t, 2>& expired() const { return expired_; }

 private:
  struct Entry {
    std::array<LossCounters, 2> counters;
    CaptureTime last_counted;
    CaptureTime admitted;
    PeerWeight weight;
    uint64_t life = 0;

    void add(const PeerRow& delta, CaptureTime now);
  };
  struct Candidate {
    PeerWeight weight;
    CaptureTime since;
  };
  using Entries = std::map<PeerKey, Entry>;
  using Candidates = std::map<PeerKey, Candidate>;

  [[nodiscard]] double changes_at_once() const;
  Entry& admit(const PeerKey& key, CaptureTime now);
  void count_as_other(const PeerRow& delta, CaptureTime now);
  void depart(Entries::iterator place, CaptureTime now, PeerExpiry reason);
  void forget_lightest_candidates(CaptureTime now);
  void let_heavier_in(CaptureTime now);
  // The rows admitted by `latest`, without `other`, the lightest first.
  [[nodiscard]] std::vector<std::pair<double, Entries::iterator>> lightest_first(
      CaptureTime now, CaptureTime latest);

  size_t peers_max_;
  Duration ttl_;
  Entries entries_;
  Candidates candidates_;
  bool has_other_ = false;
  uint64_t lives_ = 0;
  std::array<LossCounters, 2> departed_;
  std::array<uint64_t, 2> expired_{};
  CaptureTime reviewed_;
  double changes_left_;  // rows that may change hands now
};

}  // namespace lossgazer
