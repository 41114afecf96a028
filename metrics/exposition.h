// What a snapshot looks like to Prometheus: metric families in a stable order, and their text. It
// reads no clock and decides nothing about when a peer is shown.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/snapshot.h"

namespace prometheus {
struct MetricFamily;
}  // namespace prometheus

namespace lossgazer {

struct BuildInfo {
  std::string version;
  std::string revision;
  std::string compiler;
};

// How the configuration fares.
struct ConfigHealth {
  bool last_reload_successful = true;
  std::chrono::system_clock::time_point last_success;  // at first, of the start
};

// What is known of a peer beyond its counters. Empty: unknown.
struct PeerInfo {
  std::string name{};
  std::string group{};         // its own name, if it is a group
  std::string asn{};           // the autonomous system's number, decimal
  std::string organisation{};  // whose that is
  std::string country{};       // ISO 3166-1, two letters
  bool operator==(const PeerInfo&) const = default;
};

struct ExpositionOptions {
  std::vector<std::string_view> disabled{};  // by peer_counter_key()
  // Asked for every peer in every scrape, by any thread: it answers at once from what it knows.
  std::function<PeerInfo(const PeerKey&)> info{};
};

// Takes one family after the other: a large exposition need not stand in memory whole.
using FamilySink = std::function<void(prometheus::MetricFamily&&)>;

// The peer counters of the snapshot's rows, in the order of families, then rows, then directions.
// Rows for which `shown` is false show 0 throughout; `shown` has an element for each row.
void peer_families(const Snapshot& snapshot, const std::vector<bool>& shown,
                   const ExpositionOptions& options, const FamilySink& sink);

// What is known of the rows' peers; no family if nothing is. A peer that has several rows is
// described once.
void peer_info_family(const std::vector<PeerRow>& rows, const ExpositionOptions& options,
                      const FamilySink& sink);

// Every reason, stage and worker has its series, even at 0. The names of sources must be distinct.
void health_families(const CaptureHealth& health, const FamilySink& sink);

void config_families(const ConfigHealth& health, const FamilySink& sink);

void build_family(const BuildInfo& build, const FamilySink& sink);

// The text format (version 0.0.4) of all that `families` hands to the sink it is given.
[[nodiscard]] std::string exposition_text(const std::function<void(const FamilySink&)>& families);

// A finished capture's peer counters and health as text: true values at once, since no scrape came
// before.
[[nodiscard]] std::string report_exposition(const Snapshot& snapshot, const BuildInfo& build);

}  // namespace lossgazer
