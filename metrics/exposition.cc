#include "metrics/exposition.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "metrics/family_text.h"
#include "metrics/metric_names.h"

namespace lossgazer {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Seconds = std::chrono::duration<double>;

MetricFamily family(std::string_view name, std::string_view help, MetricType type) {
  MetricFamily result;
  result.name = std::string(kMetricPrefix).append(name);
  result.help = help;
  result.type = type;
  return result;
}

void add(MetricFamily& family, Labels labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void add(MetricFamily& family, Labels labels, uint64_t value) {
  add(family, std::move(labels), static_cast<double>(value));
}

bool is_wanted(std::string_view key, const ExpositionOptions& options) {
  return std::ranges::find(options.disabled, key) == options.disabled.end();
}

// A single series without labels.
template <typename Value>
void single(std::string_view name, std::string_view help, MetricType type, Value value,
            const FamilySink& sink) {
  MetricFamily result = family(name, help, type);
  add(result, {}, value);
  sink(std::move(result));
}

// One peer and direction, with the labels that all its series share.
struct LabelledCounters {
  PeerKey::Kind kind;
  Direction direction;
  Labels labels;
  LossCounters counters;
};

std::vector<LabelledCounters> labelled(const std::vector<PeerRow>& rows,
                                       const std::vector<bool>& shown) {
  std::vector<LabelledCounters> result;
  result.reserve(2 * rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const PeerRow& row = rows[i];
    for (Direction direction : {Direction::kEgress, Direction::kIngress}) {
      Labels labels;
      for (PeerLabel& label : peer_labels(row.key, direction)) {
        labels.push_back({std::string(label.name), std::move(label.value)});
      }
      labels.push_back({"direction", std::string(direction_name(row.key.kind, direction))});
      result.push_back({row.key.kind, direction, std::move(labels),
                        shown[i] ? row.counters[static_cast<size_t>(direction)] : LossCounters{}});
    }
  }
  return result;
}

void peer_counter_family(const PeerCounter& counter, const std::vector<LabelledCounters>& rows,
                         const FamilySink& sink) {
  MetricFamily result =
      family(std::string(counter.key).append("_total"), counter.help, MetricType::Counter);
  result.metric.reserve(rows.size() * counter.series.size());
  for (const LabelledCounters& row : rows) {
    for (const PeerSeries& series : counter.series) {
      Labels labels;
      labels.reserve(row.labels.size() + 2);
      labels.assign(row.labels.begin(), row.labels.end());
      if (series.side) {
        labels.push_back({"side", std::string(side_name(*series.side, row.kind, row.direction))});
      }
      if (!series.part.empty()) {
        labels.push_back({std::string(counter.label), std::string(series.part)});
      }
      add(result, std::move(labels), series.read(row.counters));
    }
  }
  sink(std::move(result));
}

void rtt_family(const RttBuckets& buckets, const std::vector<LabelledCounters>& rows,
                const FamilySink& sink) {
  const std::span<const Duration> bounds = buckets.bounds();
  const bool summary = bounds.empty();
  MetricFamily result =
      family(kRttKey, rtt_help(), summary ? MetricType::Summary : MetricType::Histogram);
  result.metric.reserve(rows.size());
  for (const LabelledCounters& row : rows) {
    ClientMetric& metric = result.metric.emplace_back();
    metric.label = row.labels;
    const double sum = Seconds(row.counters.rtt_sum).count();
    if (summary) {
      metric.summary.sample_count = row.counters.rtt_count;
      metric.summary.sample_sum = sum;
      continue;
    }
    metric.histogram.sample_count = row.counters.rtt_count;
    metric.histogram.sample_sum = sum;
    uint64_t until = 0;
    for (size_t i = 0; i < bounds.size(); ++i) {
      until += row.counters.rtt_buckets[i];
      metric.histogram.bucket.push_back({until, Seconds(bounds[i]).count()});
    }
  }
  sink(std::move(result));
}

void source_total(const CaptureHealth& health, std::string_view name, std::string_view help,
                  uint64_t SourceHealth::*value, const FamilySink& sink) {
  MetricFamily result = family(name, help, MetricType::Counter);
  for (const SourceHealth& source : health.sources) {
    add(result, {{"interface", source.name}}, source.*value);
  }
  sink(std::move(result));
}

template <size_t N>
void source_totals_by(const CaptureHealth& health, std::string_view name, std::string_view help,
                      std::string_view label, const std::array<std::string_view, N>& values,
                      std::array<uint64_t, N> SourceHealth::*totals, size_t first,
                      const FamilySink& sink) {
  MetricFamily result = family(name, help, MetricType::Counter);
  for (const SourceHealth& source : health.sources) {
    for (size_t i = first; i < N; ++i) {
      add(result, {{"interface", source.name}, {std::string(label), std::string(values[i])}},
          (source.*totals)[i]);
    }
  }
  sink(std::move(result));
}

template <size_t N>
void totals_by(std::string_view name, std::string_view help, const std::string& label,
               const std::array<std::string_view, N>& values, const std::array<uint64_t, N>& totals,
               const FamilySink& sink) {
  MetricFamily result = family(name, help, MetricType::Counter);
  for (size_t i = 0; i < N; ++i) add(result, {{label, std::string(values[i])}}, totals[i]);
  sink(std::move(result));
}

void source_families(const CaptureHealth& health, const FamilySink& sink) {
  source_total(health, "capture_packets_total",
               "Frames captured: judged, ignored, unparsed, or dropped in queue or flow table.",
               &SourceHealth::packets, sink);
  source_totals_by(health, "capture_dropped_packets_total",
                   "Frames lost by the capture itself, by stage; what they showed is not counted. "
                   "Healthy: 0.",
                   "stage", kDropStageName, &SourceHealth::dropped, 0, sink);
  source_totals_by(health, "capture_unparsed_packets_total",
                   "Frames captured that carry no readable TCP header, by reason. Healthy: "
                   "truncated and malformed stay at 0.",
                   "reason", kDecodeStatusName, &SourceHealth::unparsed,
                   static_cast<size_t>(DecodeStatus::kOk) + 1, sink);
  source_totals_by(health, "capture_ignored_packets_total",
                   "TCP packets not judged, by reason. Healthy: no_local_end stays at 0, unless "
                   "the interface sees foreign traffic.",
                   "reason", kIgnoreReasonName, &SourceHealth::ignored, 0, sink);
  source_total(health, "capture_judged_packets_total",
               "Frames judged. Healthy: grows with traffic.", &SourceHealth::judged, sink);

  MetricFamily up = family("capture_interface_up",
                           "Whether the interface is being captured. "
                           "Healthy: 1.",
                           MetricType::Gauge);
  MetricFamily restarts = family("capture_restarts_total",
                                 "How often the capture was opened again after it failed. Healthy: "
                                 "stays flat.",
                                 MetricType::Counter);
  MetricFamily last =
      family("capture_last_packet_timestamp_seconds",
             "When the latest frame was captured. Healthy: close to time() wherever "
             "there is traffic.",
             MetricType::Gauge);
  MetricFamily buffer = family("capture_buffer_bytes",
                               "The kernel's capture buffer as granted. Healthy: what "
                               "--capture.buffer asked for.",
                               MetricType::Gauge);
  for (const SourceHealth& source : health.sources) {
    const Labels labels = {{"interface", source.name}};
    add(up, labels, source.up ? 1.0 : 0.0);
    add(restarts, labels, source.restarts);
    if (source.last_packet) {
      add(last, labels, Seconds(source.last_packet->time_since_epoch()).count());
    }
    add(buffer, labels, source.buffer_bytes);
  }
  for (MetricFamily* each : {&up, &restarts, &last, &buffer}) sink(std::move(*each));
}

void worker_families(const CaptureHealth& health, const FamilySink& sink) {
  MetricFamily queue =
      family("queue_packets", "Packets waiting for the worker. Healthy: well below queue_limit.",
             MetricType::Gauge);
  MetricFamily busy = family("worker_busy_seconds_total",
                             "Time the worker spent judging. Healthy: rises by less than 0.8 a "
                             "second.",
                             MetricType::Counter);
  for (size_t i = 0; i < health.workers.size(); ++i) {
    const Labels labels = {{"worker", std::to_string(i)}};
    add(queue, labels, health.workers[i].queue_packets);
    add(busy, labels, Seconds(health.workers[i].busy).count());
  }
  sink(std::move(queue));
  single("queue_limit", "Packets a worker's queue holds; beyond it they are dropped.",
         MetricType::Gauge, health.queue_limit, sink);
  sink(std::move(busy));
}

}  // namespace

void peer_families(const Snapshot& snapshot, const std::vector<bool>& shown,
                   const ExpositionOptions& options, const FamilySink& sink) {
  assert(snapshot.peers.size() == shown.size());
  const std::vector<LabelledCounters> all = labelled(snapshot.peers, shown);
  for (const PeerCounter& counter : peer_counters()) {
    if (is_wanted(counter.key, options)) peer_counter_family(counter, all, sink);
  }
  if (is_wanted(kRttKey, options)) rtt_family(snapshot.rtt_buckets, all, sink);
}

void peer_info_family(const std::vector<PeerRow>& rows, const ExpositionOptions& options,
                      const FamilySink& sink) {
  MetricFamily result = family("peer_info",
                               "Names of peers, by reverse DNS (--peers.names) or of groups, and "
                               "what GeoIP databases say of them. Always 1.",
                               MetricType::Gauge);
  std::set<PeerKey> told;
  for (const PeerRow& row : rows) {
    PeerKey key = row.key;
    if (key.kind == PeerKey::Kind::kOther || key.kind == PeerKey::Kind::kPair) continue;
    key.local.reset();
    key.port = 0;
    if (!told.insert(key).second) continue;
    PeerInfo info = options.info ? options.info(key) : PeerInfo{};
    if (key.kind == PeerKey::Kind::kGroup) info.name = info.group = key.group.view();
    if (info == PeerInfo{}) continue;
    Labels labels;
    labels.push_back({"peer", peer_labels(key, Direction::kEgress).front().value});
    for (auto& [name, value] :
         {std::pair("name", &info.name), std::pair("group", &info.group),
          std::pair("asn", &info.asn), std::pair("organisation", &info.organisation),
          std::pair("country", &info.country)}) {
      if (!value->empty()) labels.push_back({name, std::move(*value)});
    }
    add(result, std::move(labels), 1.0);
  }
  if (!result.metric.empty()) sink(std::move(result));
}

void health_families(const CaptureHealth& health, const FamilySink& sink) {
  source_families(health, sink);
  single("capture_flow_sample_ratio",
         "The share of flows that is captured (--capture.flow-sample). All counters are of those: "
         "ratios hold as they are, totals are to be divided by this. Healthy: 1, unless asked "
         "otherwise.",
         MetricType::Gauge, 1.0 / health.flow_sample, sink);
  worker_families(health, sink);
  single("flows", "Flows tracked now. Healthy: below flow_limit.", MetricType::Gauge, health.flows,
         sink);
  single("flow_limit", "Flows that can be tracked at once (--flows.max).", MetricType::Gauge,
         health.flow_limit, sink);
  totals_by("flows_expired_total",
            "Flows forgotten, by reason. Healthy: evicted stays at 0; else raise --flows.max.",
            "reason", kFlowExpiryName, health.flows_expired, sink);
  totals_by(
      "tracking_refusals_total",
      "How often what was to be kept of a direction in trouble found no room, so that loss may "
      "have gone uncounted. Healthy: stays at 0; else someone floods us, or far too much is "
      "lost at once.",
      "what", kTrackedName, health.tracking_refusals, sink);
  single("peers", "Peers with series of their own now. Healthy: below peer_limit.",
         MetricType::Gauge, health.peers, sink);
  single("peer_limit", "Peers that can have series of their own at once (--peers.max).",
         MetricType::Gauge, health.peer_limit, sink);
  totals_by("peers_expired_total",
            "Peers forgotten (idle) or counted as other for want of room (overflow). "
            "Healthy: overflow stays at 0; else raise --peers.max or group them.",
            "reason", kPeerExpiryName, health.peers_expired, sink);
}

void kernel_families(const KernelWord& word, const FamilySink& sink) {
  for (const KernelMetric& metric : kernel_metrics()) {
    const auto value = word.counters.of(metric.counter);
    if (!value) continue;
    single(fmt::format("kernel_{}_total", metric.key),
           fmt::format("{} The kernel's {}, of this network namespace.", metric.help,
                       kKernelCounterName[static_cast<size_t>(metric.counter)]),
           MetricType::Counter, *value, sink);
  }
  if (!word.agreement) return;
  single("kernel_agreement_ratio",
         "Retransmissions that lossgazer counted of what this host sent, over those that its "
         "kernel did, in the last five minutes. Absent where that cannot be told. Healthy: 0.95 "
         "to 1.05.",
         MetricType::Gauge, *word.agreement, sink);
}

void retransmit_family(const std::vector<RetransmitRow>& rows, const std::vector<bool>& shown,
                       const ExpositionOptions& options, const FamilySink& sink) {
  assert(rows.size() == shown.size());
  if (!is_wanted(kRetransmitsKey, options)) return;
  MetricFamily result = family(std::string(kRetransmitsKey).append("_total"), retransmits_help(),
                               MetricType::Counter);
  for (size_t i = 0; i < rows.size(); ++i) {
    const RetransmitKey& key = rows[i].key;
    add(result,
        {{"peer", peer_labels(key.peer, Direction::kEgress).front().value},
         {"state", std::string(key.state)},
         {"process", key.process},
         {"cgroup", key.cgroup}},
        shown[i] ? rows[i].segments : 0);
  }
  sink(std::move(result));
}

void config_families(const ConfigHealth& health, const FamilySink& sink) {
  MetricFamily successful =
      family("config_last_reload_successful",
             "Whether the configuration was good when it was last read. Healthy: 1; else the log "
             "says why, and the one before is in force.",
             MetricType::Gauge);
  add(successful, {}, health.last_reload_successful ? 1.0 : 0.0);
  sink(std::move(successful));
  MetricFamily when = family("config_last_reload_success_timestamp_seconds",
                             "When the configuration in force was read.", MetricType::Gauge);
  add(when, {}, Seconds(health.last_success.time_since_epoch()).count());
  sink(std::move(when));
}

void event_families(const EventHealth& health, const FamilySink& sink) {
  totals_by(
      "events_dropped_total",
      "Events that found no room to wait in, by reason: their receiver is away or takes them "
      "too slowly (receiver), or more come than are sent in a second (rate_limit: take fewer, "
      "by --events.peer or --events.verdict). Healthy: 0.",
      "reason", kEventDropName, health.dropped, sink);
  if (!health.receiver_up) return;
  single("events_sent_total",
         "Events handed to their receiver. What it was sent and had not read when it ended is "
         "among them.",
         MetricType::Counter, health.sent, sink);
  single("events_queued", "Events that wait to be sent. Healthy: close to 0.", MetricType::Gauge,
         health.queued, sink);
  single("events_receiver_up",
         "Whether the receiver of events (--events.to) takes them. Healthy: 1; else the log says "
         "why, and it is tried again.",
         MetricType::Gauge, *health.receiver_up ? 1.0 : 0.0, sink);
}

void build_family(const BuildInfo& build, const FamilySink& sink) {
  MetricFamily info =
      family("build_info", "How this program was built. Always 1.", MetricType::Gauge);
  add(info,
      {{"version", build.version}, {"revision", build.revision}, {"compiler", build.compiler}},
      1.0);
  sink(std::move(info));
}

std::string exposition_text(const std::function<void(const FamilySink&)>& families,
                            size_t expected) {
  FamilyText text(expected);
  families([&](MetricFamily&& family) { text.add(std::move(family)); });
  return text.take();
}

std::string report_exposition(const Snapshot& snapshot, const BuildInfo& build) {
  return exposition_text([&](const FamilySink& sink) {
    peer_families(snapshot, std::vector<bool>(snapshot.peers.size(), true), {}, sink);
    health_families(snapshot.health, sink);
    build_family(build, sink);
  });
}

}  // namespace lossgazer
