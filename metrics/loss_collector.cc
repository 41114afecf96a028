#include "metrics/loss_collector.h"

#include <prometheus/metric_family.h>

#include <utility>

#include "metrics/process_families.h"

namespace lossgazer {

LossCollector::LossCollector(std::function<Snapshot()> snapshot, BuildInfo build,
                             std::function<Clock::time_point()> now,
                             std::function<void(const FamilySink&)> more)
    : snapshot_(std::move(snapshot)),
      build_(std::move(build)),
      now_(std::move(now)),
      more_(std::move(more)) {}

std::vector<prometheus::MetricFamily> LossCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  scrape([&](prometheus::MetricFamily&& family) { families.push_back(std::move(family)); });
  return families;
}

std::string LossCollector::text() const {
  return exposition_text([this](const FamilySink& sink) { scrape(sink); });
}

void LossCollector::scrape(const FamilySink& sink) const {
  Snapshot snapshot;
  std::vector<bool> grown;
  {
    const std::lock_guard lock(mutex_);
    snapshot = snapshot_();
    grown = births_.scrape(snapshot.peers, now_());
  }
  peer_families(snapshot.peers, grown, sink);
  health_families(snapshot.health, sink);
  if (more_) more_(sink);
  build_family(build_, sink);
  process_families(sink);
}

}  // namespace lossgazer
