// What a snapshot looks like to Prometheus: metric families in a stable order, and their text. It
// reads no clock and decides nothing about when a peer is shown.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/kernel_counters.h"
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

// Why an event found no room among those that wait: its receiver is away or slow, or more come than
// are sent in a second.
enum class EventDrop : uint8_t { kReceiver, kRate };
inline constexpr std::array<std::string_view, 2> kEventDropName = {"receiver", "rate_limit"};

// How the stream of events fares.
struct EventHealth {
  uint64_t sent = 0;
  std::array<uint64_t, kEventDropName.size()> dropped{};  // by EventDrop
  uint64_t queued = 0;
  std::optional<bool> receiver_up{};  // none: nothing is streamed
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
  // False: nothing is captured, and there are no families of peers, nor of the capture's health.
  bool captures = true;
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

// The counters that this kernel has, and the agreement if it can be told.
void kernel_families(const KernelWord& word, const FamilySink& sink);

// What the kernel says that it sent again; `shown` as for peer_families().
void retransmit_family(const std::vector<RetransmitRow>& rows, const std::vector<bool>& shown,
                       const ExpositionOptions& options, const FamilySink& sink);

void config_families(const ConfigHealth& health, const FamilySink& sink);

// Without a stream, the drops alone, at 0.
void event_families(const EventHealth& health, const FamilySink& sink);

void build_family(const BuildInfo& build, const FamilySink& sink);

// The text format (version 0.0.4) of all that `families` hands to the sink it is given. For
// `expected` bytes there is room from the start: growing copies megabytes.
[[nodiscard]] std::string exposition_text(const std::function<void(const FamilySink&)>& families,
                                          size_t expected = 0);

// A finished capture's peer counters and health as text: true values at once, since no scrape came
// before.
[[nodiscard]] std::string report_exposition(const Snapshot& snapshot, const BuildInfo& build);

}  // namespace lossgazer
