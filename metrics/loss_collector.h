// What a scrape gets: every peer's counters, the capture's health, and the program's own. It never
// waits for the capture, and counts nothing itself.
#pragma once

#include <prometheus/collectable.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "analyzer/snapshot.h"
#include "metrics/birth_register.h"
#include "metrics/exposition.h"

namespace lossgazer {

// Thread-safe: any thread may scrape.
class LossCollector : public prometheus::Collectable {
 public:
  using Clock = std::chrono::steady_clock;

  // `more` adds families that are not about packets; any thread may call it. `snapshot` gives the
  // latest totals, quickly, and is called by one thread at a time; its counters must never go down
  // while a peer stays. What it throws, a scrape throws.
  LossCollector(std::function<Snapshot()> snapshot, BuildInfo build,
                std::function<Clock::time_point()> now = Clock::now,
                std::function<void(const FamilySink&)> more = {});

  // What scrapes that begin from now on show and leave out; until then everything, without info.
  void set_options(ExpositionOptions options);

  // One scrape, as metric families in a stable order. A new peer's counters are 0 (BirthRegister).
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  // The same as text, in the exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  void scrape(const FamilySink& sink) const;

  std::function<Snapshot()> snapshot_;
  BuildInfo build_;
  std::function<Clock::time_point()> now_;
  std::function<void(const FamilySink&)> more_;
  mutable std::atomic<size_t> last_size_ = 0;  // of the text
  // Guards all below. Held while the snapshot is taken too: an older one judged after a newer one
  // would make the newest peers be born twice.
  mutable std::mutex mutex_;
  mutable BirthRegister<PeerRow> births_;
  mutable BirthRegister<RetransmitRow> retransmit_births_;
  std::shared_ptr<const ExpositionOptions> options_ = std::make_shared<ExpositionOptions>();
};

}  // namespace lossgazer
