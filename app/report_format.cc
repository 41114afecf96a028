#include "app/report_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <vector>

#include "analyzer/capture_health.h"
#include "metrics/json_text.h"
#include "metrics/metric_names.h"

namespace lossgazer {
namespace {

// Calls `visit(key, direction, counters)` for every row and direction that counted anything.
template <typename Visit>
void for_each_direction(const Snapshot& snapshot, Visit visit) {
  for (const PeerRow& row : snapshot.peers) {
    for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
      const LossCounters& counters = row.counters[static_cast<size_t>(direction)];
      if (counters != LossCounters{}) visit(row.key, direction, counters);
    }
  }
}

// The columns that name a row: whose it is, and its direction.
std::vector<PeerLabel> row_labels(const PeerKey& key, Direction direction) {
  std::vector<PeerLabel> labels = peer_labels(key, direction);
  labels.push_back({"direction", std::string(direction_name(key.kind, direction))});
  return labels;
}

uint64_t lost_on(const LossCounters& counters, Side side) {
  return counters.lost(side, LossMethod::kCensus) + counters.lost(side, LossMethod::kSequence);
}

}  // namespace

std::string table_text(const Snapshot& snapshot) {
  struct Line {
    std::string who;
    std::string direction;
    std::array<uint64_t, 2> lost{};  // by column: peer and local, or before and after
    const LossCounters* counters = nullptr;
  };
  std::vector<Line> lines;
  bool pairs = false;
  size_t width = 4;
  for_each_direction(snapshot, [&](const PeerKey& key, Direction direction, const auto& counters) {
    Line line;
    const std::vector<PeerLabel> labels = peer_labels(key, direction);
    line.who = labels.front().value;
    const bool pair = key.kind == PeerKey::Kind::kPair;
    if (pair) line.who += " > " + labels[1].value;
    line.direction = direction_name(key.kind, direction);
    pairs = pairs || pair;
    const bool before_first = pairs || direction == Direction::kIngress;
    line.lost = {lost_on(counters, before_first ? Side::kBefore : Side::kAfter),
                 lost_on(counters, before_first ? Side::kAfter : Side::kBefore)};
    line.counters = &counters;
    width = std::max(width, line.who.size());
    lines.push_back(std::move(line));
  });
  std::ranges::stable_sort(lines, std::greater<>(), [](const Line& line) {
    return std::array{line.lost[0] + line.lost[1], line.counters->retransmitted_segments,
                      line.counters->packets};
  });

  const auto* row =
      "{:<{}}  {:<9} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10} {:>9}\n";
  std::string text =
      fmt::format(fmt::runtime(row), pairs ? "SOURCE > DESTINATION" : "PEER",
                  std::max<size_t>(width, pairs ? 20 : 4), "DIRECTION", "PACKETS", "DATA",
                  pairs ? "BEFORE" : "PEER", pairs ? "AFTER" : "LOCAL", "LOST%", "AGAIN",
                  "SPURIOUS", "LATE", "COPIES", "UNSEEN", "RTT ms");
  for (const Line& line : lines) {
    const LossCounters& counters = *line.counters;
    const uint64_t lost = line.lost[0] + line.lost[1];
    const double share =
        counters.data_segments == 0
            ? 0
            : 100.0 * static_cast<double>(lost) / static_cast<double>(counters.data_segments);
    const std::string rtt =
        counters.rtt_count == 0
            ? "-"
            : fmt::format("{:.3f}",
                          std::chrono::duration<double, std::milli>(counters.rtt_sum).count() /
                              static_cast<double>(counters.rtt_count));
    text += fmt::format(fmt::runtime(row), line.who, std::max<size_t>(width, pairs ? 20 : 4),
                        line.direction, counters.packets, counters.data_segments, line.lost[0],
                        line.lost[1], fmt::format("{:.2f}", share), counters.retransmitted_segments,
                        counters.spurious_retransmissions, counters.reordered_segments,
                        counters.duplicate_packets, counters.unseen_bytes, rtt);
  }
  return text;
}

std::string json_text(const Snapshot& snapshot) {
  std::string text = "{\"peers\":[";
  const auto* separator = "";
  for_each_direction(snapshot, [&](const PeerKey& key, Direction direction, const auto& counters) {
    text += separator;
    separator = ",\n";
    text += '{';
    for (const PeerLabel& label : row_labels(key, direction)) {
      text += fmt::format("\"{}\":{},", label.name, json_quote(label.value));
    }
    text += json_members(report_fields(counters, key.kind, direction)) + "}";
  });

  uint64_t packets = 0;
  std::array<uint64_t, kDecodeStatusCount> unparsed{};
  for (const SourceHealth& source : snapshot.health.sources) {
    packets += source.packets;
    for (size_t i = 0; i < unparsed.size(); ++i) unparsed[i] += source.unparsed[i];
  }
  text += fmt::format("],\n\"capture\":{{\"packets\":{},\"unparsed\":{{", packets);
  for (size_t i = 1; i < unparsed.size(); ++i) {
    text += fmt::format("{}\"{}\":{}", i == 1 ? "" : ",", kDecodeStatusName[i], unparsed[i]);
  }
  return text + "}}}\n";
}

std::string csv_text(const Snapshot& snapshot, PeerKey::Kind kind) {
  std::string text;
  for (const PeerLabel& label : row_labels({.kind = kind}, Direction::kEgress)) {
    text += fmt::format("{},", label.name);
  }
  for (const ReportField& field : report_fields({}, kind, Direction::kEgress)) {
    text += field.part.empty() ? fmt::format("{},", field.key)
                               : fmt::format("{}_{},", field.key, field.part);
  }
  text.back() = '\n';
  for_each_direction(snapshot, [&](const PeerKey& key, Direction direction, const auto& counters) {
    for (const PeerLabel& label : row_labels(key, direction)) {
      text += fmt::format("{},", label.value);
    }
    for (const ReportField& field : report_fields(counters, key.kind, direction)) {
      text += fmt::format("{},", field.number);
    }
    text.back() = '\n';
  });
  return text;
}

}  // namespace lossgazer
