#include "metrics/peer_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "metrics/json_text.h"
#include "metrics/loss_share.h"
#include "metrics/metric_names.h"

namespace lossgazer {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using Out = std::back_insert_iterator<std::string>;

constexpr std::array kDirections = {Direction::kEgress, Direction::kIngress};
constexpr std::array<std::string_view, 2> kMethodName = {"census", "sequence"};

// One peer as it is shown; by Direction.
struct Entry {
  const PeerRow* row = nullptr;
  std::array<std::optional<LossCounters>, 2> recent;
  std::array<std::optional<std::vector<HistorySample>>, 2> samples;
  double weight = 0;

  // Worse first: by loss; without any, by what was sent again, then by traffic.
  [[nodiscard]] auto rank() const {
    uint64_t again = 0;
    uint64_t packets = 0;
    for (const std::optional<LossCounters>& counted : recent) {
      again += counted ? counted->retransmitted_segments : 0;
      packets += counted ? counted->packets : 0;
    }
    return std::tuple(weight, again, packets);
  }
};

double seconds(Clock::duration time) { return std::max(0.0, Seconds(time).count()); }

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// A JSON array of what `number`, an integer or text, says of each item.
template <typename Items, typename Number>
std::string numbers(const Items& items, Number number) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    if constexpr (std::is_integral_v<decltype(number(item))>) {
      text.append(fmt::format_int(number(item)).c_str());
    } else {
      text += number(item);
    }
  }
  return text + "]";
}

std::string loss_json(const LossShare& loss, PeerKey::Kind kind, Direction direction) {
  return fmt::format(R"("side":"{}","method":"{}","lost":{},"of":{},"ratio":{:.6g})",
                     side_name(loss.side, kind, direction),
                     kMethodName[static_cast<size_t>(loss.method)], loss.lost, loss.of,
                     loss.ratio());
}

std::string mean_rtt(double sum, uint64_t count) {
  return count == 0 ? "null" : fmt::format("{:.6g}", sum / static_cast<double>(count));
}

std::string recent_json(const LossCounters& counted, double window, PeerKey::Kind kind,
                        Direction direction) {
  const double per_second = window > 0 ? 1 / window : 0;
  std::string text = fmt::format(
      R"({{"packets":{},"packets_per_second":{:.6g},"payload_bytes":{},)"
      R"("payload_bytes_per_second":{:.6g},"data_segments":{},"census_packets":{},"loss":)",
      counted.packets, static_cast<double>(counted.packets) * per_second, counted.payload_bytes,
      static_cast<double>(counted.payload_bytes) * per_second, counted.data_segments,
      counted.census_packets);
  text += numbers(loss_shares(counted), [&](const LossShare& loss) {
    return "{" + loss_json(loss, kind, direction) + "}";
  });
  text += fmt::format(
      R"(,"weight":{:.6g},"retransmitted_segments":{},"retransmission_ratio":{:.6g},)"
      R"("reordered_segments":{},"unanswered_segments":{},"rtt_seconds":{}}})",
      rank_weight(counted), counted.retransmitted_segments,
      share(counted.retransmitted_segments, counted.data_segments), counted.reordered_segments,
      counted.unanswered_segments, mean_rtt(Seconds(counted.rtt_sum).count(), counted.rtt_count));
  return text;
}

std::string series_json(const std::vector<HistorySample>& samples, PeerKey::Kind kind,
                        Direction direction) {
  std::string text = "{";
  const auto add = [&](std::string_view key, auto number) {
    fmt::format_to(Out(text), "{}\"{}\":{}", text.size() > 1 ? "," : "", key,
                   numbers(samples, number));
  };
  using Sample = const HistorySample&;
  add("packets", [](Sample s) { return s.packets; });
  add("payload_bytes", [](Sample s) { return s.payload_bytes; });
  const bool far_first = side_name(Side::kBefore, kind, direction) != "local";
  for (const Side side :
       {far_first ? Side::kBefore : Side::kAfter, far_first ? Side::kAfter : Side::kBefore}) {
    const std::string_view name = side_name(side, kind, direction);
    const auto lost = [side](Sample s) {
      const auto& by_method = s.lost_packets[static_cast<size_t>(side)];
      return uint64_t{by_method[0]} + by_method[1];
    };
    add(fmt::format("lost_{}", name), lost);
    add(fmt::format("loss_ratio_{}", name), [&](Sample s) -> std::string {
      if (lost(s) == 0) return "0";
      return fmt::format("{:.4g}", worst_share(to_counters(s), side).value().ratio());
    });
  }
  add("retransmitted_segments", [](Sample s) { return s.retransmitted_segments; });
  add("reordered_segments", [](Sample s) { return s.reordered_segments; });
  add("rtt_seconds", [](Sample s) {
    return s.rtt_count == 0 ? std::string("null") : fmt::format("{:.4g}", s.rtt_seconds);
  });
  return text + "}";
}

std::string worst_json(const Entry& entry) {
  std::optional<LossShare> worst;
  Direction where = Direction::kEgress;
  for (const Direction direction : kDirections) {
    const auto& counted = entry.recent[static_cast<size_t>(direction)];
    if (!counted) continue;
    const std::optional<LossShare> loss = worst_share(*counted);
    if (loss && (!worst || loss->weight() > worst->weight())) {
      worst = loss;
      where = direction;
    }
  }
  if (!worst) return "null";
  return fmt::format(R"({{"direction":"{}",{}}})",
                     where == Direction::kEgress ? "egress" : "ingress",
                     loss_json(*worst, entry.row->key.kind, where));
}

std::string peer_json(const Entry& entry, std::string_view name, double window) {
  const PeerKey& key = entry.row->key;
  const std::vector<PeerLabel> labels = peer_labels(key, Direction::kEgress);
  std::string text = fmt::format(R"({{"peer":{},"labels":{{)", json_quote(labels.front().value));
  for (size_t i = 1; i < labels.size(); ++i) {
    fmt::format_to(Out(text), R"({}"{}":{})", i > 1 ? "," : "", labels[i].name,
                   json_quote(labels[i].value));
  }
  fmt::format_to(Out(text), R"(}},"name":{},"weight":{:.6g},"worst":{})",
                 name.empty() ? "null" : json_quote(name), entry.weight, worst_json(entry));
  for (const Direction direction : kDirections) {
    const auto way = static_cast<size_t>(direction);
    const auto& recent = entry.recent[way];
    const auto& samples = entry.samples[way];
    fmt::format_to(Out(text), R"(,"{}":{{"recent":{},"total":{{{}}},"series":{}}})",
                   direction == Direction::kEgress ? "egress" : "ingress",
                   recent ? recent_json(*recent, window, key.kind, direction) : "null",
                   json_members(report_fields(entry.row->counters[way], key.kind, direction)),
                   samples ? series_json(*samples, key.kind, direction) : "null");
  }
  return text + "}";
}

template <size_t N>
std::string counts_json(const std::array<std::string_view, N>& names,
                        const std::array<uint64_t, N>& counts, size_t first = 0) {
  std::string text = "{";
  for (size_t i = first; i < N; ++i) {
    fmt::format_to(Out(text), R"({}"{}":{})", i > first ? "," : "", names[i], counts[i]);
  }
  return text + "}";
}

std::string source_json(const SourceHealth& source, CaptureTime now) {
  const std::string age =
      source.last_packet
          ? fmt::format("{:.3f}", std::max(0.0, Seconds(now - *source.last_packet).count()))
          : "null";
  return fmt::format(
      R"({{"interface":{},"up":{},"packets":{},"judged":{},"dropped":{},"ignored":{},)"
      R"("unparsed":{},"restarts":{},"buffer_bytes":{},"last_packet_age_seconds":{}}})",
      json_quote(source.name), source.up, source.packets, source.judged,
      counts_json(kDropStageName, source.dropped), counts_json(kIgnoreReasonName, source.ignored),
      counts_json(kDecodeStatusName, source.unparsed, 1), source.restarts, source.buffer_bytes,
      age);
}

std::string capture_json(const CaptureHealth& health, const CaptureCounts& recent,
                         const std::optional<std::string>& not_ready, CaptureTime now) {
  uint64_t queued = 0;
  for (const WorkerHealth& worker : health.workers) {
    queued = std::max(queued, worker.queue_packets);
  }
  return fmt::format(
      R"({{"ready":{},"not_ready":{},"interfaces":{},)"
      R"("recent":{{"packets":{},"dropped":{},"unreadable":{}}},)"
      R"("queue_packets":{},"queue_limit":{},"flows":{},"flow_limit":{},"peers":{},)"
      R"("peer_limit":{},"flow_sample":{},"flows_expired":{},"peers_expired":{}}})",
      !not_ready, not_ready ? json_quote(*not_ready) : "null",
      numbers(health.sources, [&](const SourceHealth& source) { return source_json(source, now); }),
      recent.packets, counts_json(kDropStageName, recent.dropped), recent.unreadable, queued,
      health.queue_limit, health.flows, health.flow_limit, health.peers, health.peer_limit,
      health.flow_sample, counts_json(kFlowExpiryName, health.flows_expired),
      counts_json(kPeerExpiryName, health.peers_expired));
}

CaptureTime system_time() {
  return CaptureTime(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace

PeerBoard::PeerBoard(PeerBoardConfig config)
    : config_(std::move(config)), started_(config_.now()), history_(config_.history) {
  if (!config_.wall_clock) config_.wall_clock = system_time;
}

void PeerBoard::observe() {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = config_.now();
  if (history_.due(now)) history_.record(config_.snapshot(), now);
}

std::string PeerBoard::json(std::optional<size_t> top) const {
  Snapshot snapshot;
  std::vector<Entry> entries;
  CaptureCounts capture;
  std::vector<PeerHistory::Step> steps;
  Clock::time_point now;
  Clock::time_point since;
  {
    const std::lock_guard lock(mutex_);
    snapshot = config_.snapshot();
    now = config_.now();
    since = history_.recent_since(now);
    capture = history_.recent(snapshot.health, now);
    steps.assign(history_.steps().begin(), history_.steps().end());
    for (const PeerRow& row : snapshot.peers) {
      Entry& entry = entries.emplace_back();
      entry.row = &row;
      for (const Direction direction : kDirections) {
        auto& recent = entry.recent[static_cast<size_t>(direction)];
        recent = history_.recent(row, direction, now);
        if (recent) entry.weight = std::max(entry.weight, rank_weight(*recent));
      }
    }
    std::ranges::stable_sort(entries, std::greater<>(), &Entry::rank);
    if (top && *top < entries.size()) entries.resize(*top);
    for (Entry& entry : entries) {
      for (const Direction direction : kDirections) {
        entry.samples[static_cast<size_t>(direction)] = history_.samples(entry.row->key, direction);
      }
    }
  }

  const CaptureTime wall = config_.wall_clock();
  const double window = seconds(now - since);
  std::string text =
      fmt::format(R"({{"host":{},"version":{},"revision":{},"time":{:.3f},"uptime_seconds":{:.3f},)"
                  R"("recent_seconds":{:.3f},"steps":{{"seconds":{},"age_seconds":{}}},)",
                  json_quote(config_.host), json_quote(config_.build.version),
                  json_quote(config_.build.revision), Seconds(wall.time_since_epoch()).count(),
                  seconds(now - started_), window,
                  numbers(steps,
                          [](const PeerHistory::Step& step) {
                            return fmt::format("{:.3f}", seconds(step.end - step.begin));
                          }),
                  numbers(steps, [&](const PeerHistory::Step& step) {
                    return fmt::format("{:.3f}", seconds(now - step.end));
                  }));
  text += "\"capture\":" + capture_json(snapshot.health, capture, config_.not_ready(), wall);
  fmt::format_to(Out(text), ",\n\"peers_known\":{},\"peers\":[", snapshot.peers.size());
  for (const Entry& entry : entries) {
    if (&entry != &entries.front()) text += ",\n";
    text += peer_json(entry, config_.name ? config_.name(entry.row->key) : "", window);
  }
  return text + "]}\n";
}

}  // namespace lossgazer
