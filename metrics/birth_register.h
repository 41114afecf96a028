// Which counters of peers are still shown at 0 because they were exposed only just now. A series
// that first appears at 5 looks to increase() as if nothing had happened; born at 0, it gives 5. It
// holds no counts and reads no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analyzer/snapshot.h"

namespace lossgazer {

// A peer is shown at 0 in the first scrape that knows it, and until one scrape interval has passed
// since then. The interval is the largest recent gap between scrapes, of the last 5 to 10 minutes
// (so that a burst of hand-made requests does not hide the servers' pace), plus a sixteenth: two
// servers that take turns come exactly one gap apart, give or take their jitter, and the second one
// must see the 0 too. At most two minutes. While no gap is known, one scrape is enough.
//
// It errs towards showing 0 once more, which costs a delay, but no increase. What it cannot serve:
// a second server while the first gap is not yet known, and three servers or more.
//
// A Row has a key and a life, as PeerRow. Not thread-safe.
template <typename Row>
class BirthRegister {
 public:
  using Clock = std::chrono::steady_clock;

  // A scrape at `now` shows `rows`, which are in the order of their keys. Says for each row whether
  // its true values are shown. Once they were, they are shown as long as the peer is in every
  // scrape; one that was missing, or lives anew, is born again.
  [[nodiscard]] std::vector<bool> scrape(std::span<const Row> rows, Clock::time_point now);

 private:
  struct Entry {
    decltype(Row::key) key;
    uint64_t life = 0;
    Clock::time_point born;
    bool grown = false;
  };
  [[nodiscard]] Clock::duration time_at_zero() const;
  void note_gap(Clock::time_point now);

  std::vector<Entry> entries_;  // in the order of their keys
  std::optional<Clock::time_point> last_scrape_;
  Clock::time_point generation_start_{};
  Clock::duration largest_gap_{};          // since generation_start_
  Clock::duration largest_gap_earlier_{};  // in the generation before
};

}  // namespace lossgazer
