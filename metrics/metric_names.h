// The names, help texts and label values of the peer counters, and how each is read: written once,
// for the exposition and for the reports alike. It holds no counts and writes no format.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/kernel_counters.h"
#include "analyzer/loss_counters.h"
#include "analyzer/snapshot.h"

namespace lossgazer {

// One time series of a peer and direction.
struct PeerSeries {
  uint64_t (*read)(const LossCounters&);
  std::string_view part = {};               // value of the family's own label, if it has one
  std::optional<Side> side = std::nullopt;  // becomes the label `side`
};

// A counter and its series. Exposed as `lossgazer_` + key + `_total`; reports use the bare key.
struct PeerCounter {
  std::string_view key;
  std::string_view help;  // what it counts, and what a healthy value is
  std::span<const PeerSeries> series;
  std::string_view label = {};  // the family's own label; empty: none
};

// A counter of the kernel's. Exposed as `lossgazer_kernel_` + key + `_total`.
struct KernelMetric {
  KernelCounter counter;
  std::string_view key;
  std::string_view help;  // without the kernel's own name
};

inline constexpr std::string_view kMetricPrefix = "lossgazer_";
inline constexpr std::string_view kRttKey = "rtt_seconds";
inline constexpr std::string_view kRetransmitsKey = "kernel_retransmits";
inline constexpr std::string_view kOtherPeer = "other";

// All peer counters but the round-trip time, in the contract's order. Where series have sides, they
// stand in the order of Side.
[[nodiscard]] std::span<const PeerCounter> peer_counters();
// The key of the peer counter, of the round-trip time or of the kernel's own that `name` means: its
// name or its key, with or without `lossgazer_` and `_total`. Nothing if there is none.
[[nodiscard]] std::optional<std::string_view> peer_counter_key(std::string_view name);
[[nodiscard]] std::string_view rtt_help();
[[nodiscard]] std::string_view retransmits_help();
// Every KernelCounter, once.
[[nodiscard]] std::span<const KernelMetric> kernel_metrics();

// The label `direction`: `egress` or `ingress`, or `transit` for a pair.
[[nodiscard]] std::string_view direction_name(PeerKey::Kind kind, Direction direction);
// The label `side`: `peer` or `local`, or `before` or `after` for a pair.
[[nodiscard]] std::string_view side_name(Side side, PeerKey::Kind kind, Direction direction);

// Whose row it is, as labels: `peer`, or `source` and `destination` for a pair; then `local` and
// `port`, where the key has them.
struct PeerLabel {
  std::string_view name;
  std::string value;
};
[[nodiscard]] std::vector<PeerLabel> peer_labels(const PeerKey& key, Direction direction);

// A value of a report: "part" is empty for a plain number, else the key within the nested object.
struct ReportField {
  std::string key;
  std::string_view part;
  std::string number;  // decimal, exact
};

// All values of one row and direction, in the contract's order; fields with the same key follow
// each other. Lost packets come twice: by side (summed over methods) and by method (over sides).
[[nodiscard]] std::vector<ReportField> report_fields(const LossCounters& counters,
                                                     PeerKey::Kind kind, Direction direction);

}  // namespace lossgazer
