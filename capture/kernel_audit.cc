#include "capture/kernel_audit.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "capture/interfaces.h"

namespace lossgazer {
namespace {

constexpr Duration kInterval = std::chrono::seconds(5);

CaptureTime steady_time() {
  return CaptureTime(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

uint64_t sent_again(const Snapshot& snapshot) {
  constexpr auto kEgress = static_cast<size_t>(Direction::kEgress);
  uint64_t sum = snapshot.departed[kEgress].retransmitted_segments;
  for (const PeerRow& row : snapshot.peers) sum += row.counters[kEgress].retransmitted_segments;
  return sum;
}

// Whatever we may have missed retransmissions by.
uint64_t misses(const CaptureHealth& health) {
  uint64_t sum = health.flows_expired[static_cast<size_t>(FlowExpiry::kEvicted)];
  sum = std::accumulate(health.tracking_refusals.begin(), health.tracking_refusals.end(), sum);
  for (const SourceHealth& source : health.sources) {
    sum += source.restarts;
    for (const DropStage stage : {DropStage::kKernel, DropStage::kQueue, DropStage::kFlowTable}) {
      sum += source.dropped[static_cast<size_t>(stage)];
    }
  }
  return sum;
}

bool is_captured(const CaptureHealth& health, const Link& link) {
  return std::ranges::any_of(health.sources, [&](const SourceHealth& source) {
    return source.up && (source.name == link.name || source.name == kAnyInterface);
  });
}

}  // namespace

void KernelAudit::set_whole(bool whole) {
  if (std::exchange(whole_, whole) != whole) agreement_.restart();
}

bool KernelAudit::due() const { return steady_time() - looked_ >= kInterval; }

void KernelAudit::look(const Snapshot& snapshot) {
  looked_ = steady_time();
  const KernelReading reading = statistics_.read();
  const auto kernel = reading.tcp.of(KernelCounter::kRetransSegs);
  if (whole_ && kernel) {
    // What the kernel could not send in the end, it may have counted.
    const uint64_t failed = reading.tcp.of(KernelCounter::kRetransFail).value_or(0);
    agreement_.add({.time = looked_,
                    .ours = sent_again(snapshot),
                    .kernel = *kernel,
                    .misses = misses(snapshot.health),
                    .strays = sent_elsewhere(snapshot.health) + reading.forwarded + failed});
  }
  const std::lock_guard lock(mutex_);
  ratio_ = agreement_.ratio();
}

uint64_t KernelAudit::sent_elsewhere(const CaptureHealth& health) {
  std::map<uint32_t, uint64_t> sent;
  for (const Link& link : list_links()) {
    if (link.loopback || link.enslaved) continue;
    sent[link.index] = link.sent_packets;
    if (is_captured(health, link)) continue;
    const auto before = sent_.find(link.index);
    const uint64_t known = before == sent_.end() ? 0 : before->second;
    elsewhere_ += link.sent_packets - std::min(known, link.sent_packets);
  }
  sent_ = std::move(sent);
  return elsewhere_;
}

KernelWord KernelAudit::word() const {
  KernelWord word{.counters = statistics_.read().tcp};
  const std::lock_guard lock(mutex_);
  word.agreement = ratio_;
  return word;
}

}  // namespace lossgazer
