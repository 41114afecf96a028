// What the kernel says that it sent again, by peer, TCP state and whose socket it was. It asks
// nobody: whoever hears of it adds it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/peer_key.h"
#include "analyzer/units.h"

namespace lossgazer {

struct RetransmitKey {
  PeerKey peer{};
  // Empty: not known, as of `other`.
  std::string_view state{};  // as tcp_state_name() has it
  std::string process{};
  std::string cgroup{};  // its path
  auto operator<=>(const RetransmitKey&) const = default;
};

struct RetransmitRow {
  RetransmitKey key;
  uint64_t segments = 0;
  // Another one than before: the row was forgotten in between, and counts from zero again.
  uint64_t life = 0;
};

// `number` as the kernel's tcp_states.h has it; empty if it means nothing. Lives forever.
[[nodiscard]] std::string_view tcp_state_name(uint32_t number);

// The first come have rows of their own, until none was added to theirs for the time to live. What
// finds no room counts under the peer `other` alone, whose row never ends. Not thread-safe.
class RetransmitLedger {
 public:
  RetransmitLedger(size_t rows_max, Duration ttl) : rows_max_(rows_max), ttl_(ttl) {}

  // `now` is of any clock that never goes back, the same for all functions here.
  void add(const RetransmitKey& key, uint64_t segments, CaptureTime now);
  // Ends the rows of those that were idle.
  void expire(CaptureTime now);
  // With a lower limit, what has a row keeps it.
  void set_limits(size_t rows_max, Duration ttl);

  [[nodiscard]] std::vector<RetransmitRow> rows() const;  // in the order of their keys

 private:
  struct Entry {
    uint64_t segments = 0;
    uint64_t life = 0;
    CaptureTime last_counted;
  };

  size_t rows_max_;
  Duration ttl_;
  std::map<RetransmitKey, Entry> entries_;
  bool has_other_ = false;
  uint64_t lives_ = 0;
};

}  // namespace lossgazer
