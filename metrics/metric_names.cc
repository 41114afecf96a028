#include "metrics/metric_names.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace lossgazer {
namespace {

using Counters = const LossCounters&;

constexpr uint64_t handshakes(Counters c, Handshake handshake) {
  return c.handshake_retransmissions[static_cast<size_t>(handshake)];
}

constexpr uint64_t attempts(Counters c, ConnectionOutcome outcome) {
  return c.connections[static_cast<size_t>(outcome)];
}

constexpr std::array kPackets = {PeerSeries{[](Counters c) { return c.packets; }}};
constexpr std::array kDataSegments = {PeerSeries{[](Counters c) { return c.data_segments; }}};
constexpr std::array kPayloadBytes = {PeerSeries{[](Counters c) { return c.payload_bytes; }}};
constexpr std::array kLostPackets = {
    PeerSeries{[](Counters c) { return c.lost(Side::kBefore, LossMethod::kCensus); }, "census",
               Side::kBefore},
    PeerSeries{[](Counters c) { return c.lost(Side::kBefore, LossMethod::kSequence); }, "sequence",
               Side::kBefore},
    PeerSeries{[](Counters c) { return c.lost(Side::kAfter, LossMethod::kCensus); }, "census",
               Side::kAfter},
    PeerSeries{[](Counters c) { return c.lost(Side::kAfter, LossMethod::kSequence); }, "sequence",
               Side::kAfter},
};
constexpr std::array kUnansweredSegments = {
    PeerSeries{[](Counters c) { return c.unanswered_segments; }}};
constexpr std::array kCensusPackets = {PeerSeries{[](Counters c) { return c.census_packets; }}};
constexpr std::array kRetransmittedSegments = {
    PeerSeries{[](Counters c) { return c.retransmitted_segments; }}};
constexpr std::array kRetransmittedBytes = {
    PeerSeries{[](Counters c) { return c.retransmitted_bytes; }}};
constexpr std::array kSpuriousRetransmissions = {
    PeerSeries{[](Counters c) { return c.spurious_retransmissions; }}};
constexpr std::array kHandshakeRetransmissions = {
    PeerSeries{[](Counters c) { return handshakes(c, Handshake::kSyn); }, "syn"},
    PeerSeries{[](Counters c) { return handshakes(c, Handshake::kSynAck); }, "syn_ack"},
};
constexpr std::array kReorderedSegments = {
    PeerSeries{[](Counters c) { return c.reordered_segments; }}};
constexpr std::array kDuplicatePackets = {
    PeerSeries{[](Counters c) { return c.duplicate_packets; }}};
constexpr std::array kDuplicateAcks = {PeerSeries{[](Counters c) { return c.duplicate_acks; }}};
constexpr std::array kZeroWindows = {PeerSeries{[](Counters c) { return c.zero_windows; }}};
constexpr std::array kResets = {PeerSeries{[](Counters c) { return c.resets; }}};
constexpr std::array kEcnCePackets = {PeerSeries{[](Counters c) { return c.ecn_ce_packets; }}};
constexpr std::array kUnseenBytes = {PeerSeries{[](Counters c) { return c.unseen_bytes; }}};
constexpr std::array kConnections = {
    PeerSeries{[](Counters c) { return attempts(c, ConnectionOutcome::kOpened); }, "opened"},
    PeerSeries{[](Counters c) { return attempts(c, ConnectionOutcome::kRefused); }, "refused"},
    PeerSeries{[](Counters c) { return attempts(c, ConnectionOutcome::kTimeout); }, "timeout"},
};

constexpr std::array kPeerCounters = {
    PeerCounter{"packets",
                "TCP packets on the wire; an offloaded packet counts as those it stands "
                "for.",
                kPackets},
    PeerCounter{"data_segments",
                "Packets with payload, SYN or FIN: the denominator of retransmission ratios.",
                kDataSegments},
    PeerCounter{"payload_bytes", "TCP payload, retransmissions included.", kPayloadBytes},
    PeerCounter{
        "lost_packets",
        "Packets lost, by where (side=peer: between the capture point and the peer, "
        "side=local: between it and our end) and by how it is known (method=census: counted "
        "by IP identification, method=sequence: inferred from sequence numbers). Healthy: "
        "stays flat.",
        kLostPackets, "method"},
    PeerCounter{"unanswered_segments",
                "Segments sent again to a receiver not heard from since; no loss until it answers. "
                "Healthy: stays flat.",
                kUnansweredSegments},
    PeerCounter{"census_packets",
                "Packets whose loss is counted by IP identification, not inferred. Healthy: near "
                "packets_total; 0 where the sender's IP identification cannot be counted by.",
                kCensusPackets},
    PeerCounter{"retransmitted_segments",
                "Segments sent again, spurious and handshake ones included. Healthy: below 1 % of "
                "data_segments_total.",
                kRetransmittedSegments},
    PeerCounter{"retransmitted_bytes",
                "Payload sent again. Healthy: below 1 % of "
                "payload_bytes_total.",
                kRetransmittedBytes},
    PeerCounter{"spurious_retransmissions",
                "Segments sent again although the first copy arrived: delay or lost "
                "acknowledgments, not lost data. Healthy: near 0.",
                kSpuriousRetransmissions},
    PeerCounter{"handshake_retransmissions",
                "Connection attempts repeated, by what was sent again. Healthy: stays flat.",
                kHandshakeRetransmissions, "handshake"},
    PeerCounter{"reordered_segments",
                "Segments that came late because the network overtook them. Healthy: near 0.",
                kReorderedSegments},
    PeerCounter{"duplicate_packets", "Copies the network made. Healthy: 0.", kDuplicatePackets},
    PeerCounter{
        "duplicate_acks",
        "Acknowledgments that say data is missing, sent in this direction. Healthy: near 0.",
        kDuplicateAcks},
    PeerCounter{"zero_windows",
                "Packets whose sender had no room to receive: its application reads too slowly. "
                "Healthy: near 0.",
                kZeroWindows},
    PeerCounter{"resets", "RST packets sent in this direction. Healthy: few.", kResets},
    PeerCounter{"ecn_ce_packets", "Packets marked by a congested router (ECN CE). Healthy: near 0.",
                kEcnCePackets},
    PeerCounter{"unseen_bytes",
                "Bytes acknowledged but never captured: the capture's own miss, or a path it does "
                "not see; never counted as loss. Healthy: 0.",
                kUnseenBytes},
    PeerCounter{"connections",
                "Connection attempts by outcome, under the direction of the SYN. Healthy: refused "
                "and timeout stay flat.",
                kConnections, "outcome"},
};

constexpr std::array kKernelMetrics = {
    KernelMetric{KernelCounter::kRetransSegs, "retransmitted_segments",
                 "Segments sent again, of all peers. Healthy: below 1 % of "
                 "lossgazer_kernel_sent_segments_total."},
    KernelMetric{KernelCounter::kOutSegs, "sent_segments",
                 "Segments sent, those sent again not included."},
    KernelMetric{KernelCounter::kInSegs, "received_segments", "Segments received."},
    KernelMetric{KernelCounter::kInErrs, "received_bad_segments",
                 "Segments received with a wrong checksum or length. Healthy: 0."},
    KernelMetric{KernelCounter::kOutRsts, "sent_resets", "RST segments sent. Healthy: few."},
    KernelMetric{KernelCounter::kAttemptFails, "failed_connection_attempts",
                 "Connections that failed before they were open, in either direction. Healthy: "
                 "stays flat."},
    KernelMetric{KernelCounter::kSynRetrans, "handshake_retransmissions",
                 "SYNs and SYN-ACKs sent again. Healthy: stays flat."},
    KernelMetric{KernelCounter::kTimeouts, "retransmission_timeouts",
                 "Retransmission time-outs. Healthy: near 0."},
    KernelMetric{KernelCounter::kFastRetrans, "fast_retransmissions",
                 "Segments sent again because acknowledgments told of a hole."},
    KernelMetric{KernelCounter::kSlowStartRetrans, "slow_start_retransmissions",
                 "Segments sent again in slow start, after a time-out. Healthy: near 0."},
    KernelMetric{KernelCounter::kLossProbes, "loss_probes",
                 "Tail loss probes sent: no acknowledgment came in time. Healthy: few."},
    KernelMetric{KernelCounter::kLossProbeRecovery, "loss_probe_recoveries",
                 "Lost tails that a probe repaired."},
    KernelMetric{KernelCounter::kLostRetransmit, "lost_retransmissions",
                 "Segments sent again that were lost again. Healthy: near 0."},
    KernelMetric{KernelCounter::kRetransFail, "failed_retransmissions",
                 "Segments to be sent again that this host could not send. Healthy: 0."},
    KernelMetric{KernelCounter::kSpuriousRtos, "spurious_timeouts",
                 "Time-outs found to have been needless (F-RTO). Healthy: near 0."},
    KernelMetric{KernelCounter::kDsackRecv, "duplicates_reported",
                 "Reports by receivers (DSACK) that what we sent again had arrived before. "
                 "Healthy: near 0."},
    KernelMetric{KernelCounter::kDsackOfoRecv, "out_of_order_duplicates_reported",
                 "Of these reports, those on data beyond a hole. Healthy: near 0."},
    KernelMetric{KernelCounter::kDsackOldSent, "old_duplicates_received",
                 "Segments received again that were acknowledged before. Healthy: near 0."},
    KernelMetric{KernelCounter::kSackReorder, "reorderings_reported",
                 "Reordering of what we sent, found by SACK. Healthy: near 0."},
    KernelMetric{KernelCounter::kOfoQueue, "out_of_order_segments",
                 "Segments received beyond a hole, and queued. Healthy: near 0."},
    KernelMetric{KernelCounter::kOfoDrop, "out_of_order_drops",
                 "Segments received beyond a hole, and dropped for want of room. Healthy: 0."},
    KernelMetric{KernelCounter::kRcvQDrop, "receive_queue_drops",
                 "Segments dropped because a socket's receive queue was full. Healthy: 0."},
    KernelMetric{KernelCounter::kBacklogDrop, "backlog_drops",
                 "Segments dropped because a busy socket's backlog was full. Healthy: 0."},
    KernelMetric{KernelCounter::kListenOverflows, "listen_overflows",
                 "Connections dropped because an application accepts too slowly. Healthy: 0."},
    KernelMetric{KernelCounter::kListenDrops, "listen_drops",
                 "Connections dropped by listening sockets, for whatever reason. Healthy: 0."},
    KernelMetric{KernelCounter::kAbortOnTimeout, "timed_out_connections",
                 "Connections given up because the peer did not answer. Healthy: stays flat."},
};
static_assert(kKernelMetrics.size() == kKernelCounterName.size());

// Whether what came before the capture point came from the peer's side.
constexpr bool comes_from_peer(Direction direction) { return direction == Direction::kIngress; }

void append_lost_packets(const PeerCounter& counter, Counters counters, PeerKey::Kind kind,
                         Direction direction, std::vector<ReportField>& fields) {
  const bool after_first = kind != PeerKey::Kind::kPair && !comes_from_peer(direction);
  const std::array sides = after_first ? std::array{Side::kAfter, Side::kBefore}
                                       : std::array{Side::kBefore, Side::kAfter};
  for (Side side : sides) {
    uint64_t sum = 0;
    for (const PeerSeries& series : counter.series) {
      if (series.side == side) sum += series.read(counters);
    }
    fields.push_back(
        {std::string(counter.key), side_name(side, kind, direction), std::to_string(sum)});
  }
  // The first side's series name every method once.
  for (const PeerSeries& method : counter.series) {
    if (method.side != Side::kBefore) continue;
    uint64_t sum = 0;
    for (const PeerSeries& series : counter.series) {
      if (series.part == method.part) sum += series.read(counters);
    }
    fields.push_back(
        {fmt::format("{}_by_{}", counter.key, counter.label), method.part, std::to_string(sum)});
  }
}

}  // namespace

std::span<const PeerCounter> peer_counters() { return kPeerCounters; }

std::optional<std::string_view> peer_counter_key(std::string_view name) {
  constexpr std::string_view kTotal = "_total";
  if (name.starts_with(kMetricPrefix)) name.remove_prefix(kMetricPrefix.size());
  if (name == kRttKey) return kRttKey;
  if (name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
  if (name == kRetransmitsKey) return kRetransmitsKey;
  for (const PeerCounter& counter : kPeerCounters) {
    if (counter.key == name) return counter.key;
  }
  return std::nullopt;
}

std::string_view rtt_help() {
  return "Round-trip time between the capture point and the receiver of this direction. Healthy: "
         "_sum / _count stays near the path's delay.";
}

std::string_view retransmits_help() {
  return "Segments that this kernel says it sent again (--kernel.events), by the socket's TCP "
         "state and who owns the socket: a process, and its cgroup (a unit or container). Empty "
         "where that is not known. Healthy: grows by less than 1 % of what is sent.";
}

std::span<const KernelMetric> kernel_metrics() { return kKernelMetrics; }

std::string_view direction_name(PeerKey::Kind kind, Direction direction) {
  if (kind == PeerKey::Kind::kPair) return "transit";
  return direction == Direction::kEgress ? "egress" : "ingress";
}

std::string_view side_name(Side side, PeerKey::Kind kind, Direction direction) {
  const bool before = side == Side::kBefore;
  if (kind == PeerKey::Kind::kPair) return before ? "before" : "after";
  return before == comes_from_peer(direction) ? "peer" : "local";
}

std::vector<PeerLabel> peer_labels(const PeerKey& key, Direction direction) {
  std::vector<PeerLabel> labels;
  switch (key.kind) {
    case PeerKey::Kind::kAddress:
      labels = {{"peer", key.address.to_string()}};
      break;
    case PeerKey::Kind::kPrefix:
      labels = {{"peer", key.prefix().to_string()}};
      break;
    case PeerKey::Kind::kGroup:
      labels = {{"peer", std::string(key.group.view())}};
      break;
    case PeerKey::Kind::kOther:
      labels = {{"peer", std::string(kOtherPeer)}};
      break;
    case PeerKey::Kind::kPair:
      const bool forth = direction == Direction::kEgress;
      labels = {{"source", (forth ? key.address : key.second).to_string()},
                {"destination", (forth ? key.second : key.address).to_string()}};
      break;
  }
  if (key.local) labels.push_back({"local", key.local->to_string()});
  if (key.port != 0) labels.push_back({"port", std::to_string(key.port)});
  return labels;
}

std::vector<ReportField> report_fields(const LossCounters& counters, PeerKey::Kind kind,
                                       Direction direction) {
  std::vector<ReportField> fields;
  for (const PeerCounter& counter : peer_counters()) {
    if (counter.series.front().side) {
      append_lost_packets(counter, counters, kind, direction, fields);
      continue;
    }
    for (const PeerSeries& series : counter.series) {
      fields.push_back(
          {std::string(counter.key), series.part, std::to_string(series.read(counters))});
    }
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(counters.rtt_sum);
  fields.push_back(
      {std::string(kRttKey), "sum",
       fmt::format("{}.{:09}", seconds.count(), (counters.rtt_sum - seconds).count())});
  fields.push_back({std::string(kRttKey), "count", std::to_string(counters.rtt_count)});
  return fields;
}

}  // namespace lossgazer
