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

void LossCollector::set_options(ExpositionOptions options) {
  auto next = std::make_shared<const ExpositionOptions>(std::move(options));
  const std::lock_guard lock(mutex_);
  options_ = std::move(next);
}

std::vector<prometheus::MetricFamily> LossCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  scrape([&](prometheus::MetricFamily&& family) { families.push_back(std::move(family)); });
  return families;
}

std::string LossCollector::text() const {
  const size_t last = last_size_;
  std::string text =
      exposition_text([this](const FamilySink& sink) { scrape(sink); }, last + last / 16);
  last_size_ = text.size();
  return text;
}

void LossCollector::scrape(const FamilySink& sink) const {
  // Asked before the snapshot is taken: what they say is in force, the snapshot shows.
  std::vector<prometheus::MetricFamily> more;
  if (more_) {
    more_([&](prometheus::MetricFamily&& family) { more.push_back(std::move(family)); });
  }
  Snapshot snapshot;
  std::vector<bool> grown;
  std::vector<bool> retransmits_grown;
  std::shared_ptr<const ExpositionOptions> options;
  {
    const std::lock_guard lock(mutex_);
    options = options_;
    snapshot = snapshot_();
    const Clock::time_point now = now_();
    grown = births_.scrape(snapshot.peers, now);
    if (snapshot.kernel_retransmits) {
      retransmits_grown = retransmit_births_.scrape(*snapshot.kernel_retransmits, now);
    }
  }
  if (options->captures) {
    peer_families(snapshot, grown, *options, sink);
    peer_info_family(snapshot.peers, *options, sink);
    health_families(snapshot.health, sink);
  }
  if (snapshot.kernel_retransmits) {
    retransmit_family(*snapshot.kernel_retransmits, retransmits_grown, *options, sink);
  }
  for (prometheus::MetricFamily& family : more) sink(std::move(family));
  build_family(build_, sink);
  process_families(sink);
}

}  // namespace lossgazer
