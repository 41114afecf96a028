#include "metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string_view>

#include "metrics/metric_names.h"
#include "tests/metrics/exposition_lines.h"

namespace lossgazer {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::SizeIs;

const BuildInfo kBuild{"0.1.0", "abc123", "GCC 12.2.0"};

Snapshot with_row(const PeerKey& key, const LossCounters& egress, const LossCounters& ingress) {
  Snapshot snapshot;
  snapshot.peers.push_back({key, {egress, ingress}});
  return snapshot;
}

PeerKey peer(std::string_view address) {
  return {PeerKey::Kind::kAddress, *IpAddress::parse(address), {}};
}

LossCounters distinct(uint64_t first) {
  LossCounters c;
  c.packets = first;
  c.data_segments = first + 1;
  c.payload_bytes = first + 2;
  c.lost_packets = {{{first + 3, first + 4}, {first + 5, first + 6}}};
  c.unanswered_segments = first + 7;
  c.census_packets = first + 8;
  c.retransmitted_segments = first + 9;
  c.retransmitted_bytes = first + 10;
  c.spurious_retransmissions = first + 11;
  c.handshake_retransmissions = {first + 12, first + 13};
  c.reordered_segments = first + 14;
  c.duplicate_packets = first + 15;
  c.duplicate_acks = first + 16;
  c.zero_windows = first + 17;
  c.resets = first + 18;
  c.ecn_ce_packets = first + 19;
  c.unseen_bytes = first + 20;
  c.connections = {first + 21, first + 22, first + 23};
  c.rtt_count = first + 24;
  c.rtt_sum = std::chrono::milliseconds(first + 25);
  return c;
}

TEST(Exposition, EveryPeerCounterOfTheContract) {
  const std::string text =
      report_exposition(with_row(peer("192.0.2.7"), distinct(100), distinct(200)), kBuild);
  EXPECT_THAT(
      lines_with(text, "lossgazer_"),
      IsSupersetOf<std::string>({
          R"(lossgazer_packets_total{peer="192.0.2.7",direction="egress"} 100)",
          R"(lossgazer_packets_total{peer="192.0.2.7",direction="ingress"} 200)",
          R"(lossgazer_data_segments_total{peer="192.0.2.7",direction="egress"} 101)",
          R"(lossgazer_payload_bytes_total{peer="192.0.2.7",direction="egress"} 102)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="egress",side="local",method="census"} 103)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="egress",side="local",method="sequence"} 104)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="egress",side="peer",method="census"} 105)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="egress",side="peer",method="sequence"} 106)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="ingress",side="peer",method="census"} 203)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="ingress",side="peer",method="sequence"} 204)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="ingress",side="local",method="census"} 205)",
          R"(lossgazer_lost_packets_total{peer="192.0.2.7",direction="ingress",side="local",method="sequence"} 206)",
          R"(lossgazer_unanswered_segments_total{peer="192.0.2.7",direction="egress"} 107)",
          R"(lossgazer_census_packets_total{peer="192.0.2.7",direction="egress"} 108)",
          R"(lossgazer_retransmitted_segments_total{peer="192.0.2.7",direction="egress"} 109)",
          R"(lossgazer_retransmitted_bytes_total{peer="192.0.2.7",direction="egress"} 110)",
          R"(lossgazer_spurious_retransmissions_total{peer="192.0.2.7",direction="egress"} 111)",
          R"(lossgazer_handshake_retransmissions_total{peer="192.0.2.7",direction="egress",handshake="syn"} 112)",
          R"(lossgazer_handshake_retransmissions_total{peer="192.0.2.7",direction="egress",handshake="syn_ack"} 113)",
          R"(lossgazer_reordered_segments_total{peer="192.0.2.7",direction="egress"} 114)",
          R"(lossgazer_duplicate_packets_total{peer="192.0.2.7",direction="egress"} 115)",
          R"(lossgazer_duplicate_acks_total{peer="192.0.2.7",direction="egress"} 116)",
          R"(lossgazer_zero_windows_total{peer="192.0.2.7",direction="egress"} 117)",
          R"(lossgazer_resets_total{peer="192.0.2.7",direction="egress"} 118)",
          R"(lossgazer_ecn_ce_packets_total{peer="192.0.2.7",direction="egress"} 119)",
          R"(lossgazer_unseen_bytes_total{peer="192.0.2.7",direction="egress"} 120)",
          R"(lossgazer_connections_total{peer="192.0.2.7",direction="egress",outcome="opened"} 121)",
          R"(lossgazer_connections_total{peer="192.0.2.7",direction="egress",outcome="refused"} 122)",
          R"(lossgazer_connections_total{peer="192.0.2.7",direction="ingress",outcome="timeout"} 223)",
          R"(lossgazer_rtt_seconds_count{peer="192.0.2.7",direction="egress"} 124)",
          R"(lossgazer_rtt_seconds_sum{peer="192.0.2.7",direction="egress"} 0.125)",
          R"(lossgazer_rtt_seconds_sum{peer="192.0.2.7",direction="ingress"} 0.225)",
      }));
  EXPECT_THAT(lines_with(text, "# TYPE "),
              IsSupersetOf<std::string>({"# TYPE lossgazer_lost_packets_total counter",
                                         "# TYPE lossgazer_rtt_seconds summary"}));
}

TEST(Exposition, OtherAndPairsHaveTheirLabels) {
  Snapshot snapshot = with_row({PeerKey::Kind::kOther, {}, {}}, distinct(100), distinct(200));
  snapshot.peers.push_back(
      {{PeerKey::Kind::kPair, *IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")},
       {distinct(300), distinct(400)}});
  const std::string text = report_exposition(snapshot, kBuild);
  EXPECT_THAT(
      lines_with(text, "lossgazer_packets_total"),
      ElementsAre(
          R"(lossgazer_packets_total{peer="other",direction="egress"} 100)",
          R"(lossgazer_packets_total{peer="other",direction="ingress"} 200)",
          R"(lossgazer_packets_total{source="192.0.2.1",destination="2001:db8::1",direction="transit"} 300)",
          R"(lossgazer_packets_total{source="2001:db8::1",destination="192.0.2.1",direction="transit"} 400)"));
  EXPECT_THAT(
      lines_with(text, "lossgazer_lost_packets_total"),
      IsSupersetOf<std::string>(
          {R"(lossgazer_lost_packets_total{source="2001:db8::1",destination="192.0.2.1",direction="transit",side="before",method="census"} 403)",
           R"(lossgazer_lost_packets_total{source="2001:db8::1",destination="192.0.2.1",direction="transit",side="after",method="sequence"} 406)"}));
}

TEST(Exposition, IdleInterfaceHasEverySeriesButNoLastPacket) {
  Snapshot snapshot;
  snapshot.health.sources.resize(1);
  snapshot.health.sources[0].name = "eth0";
  const std::string text = report_exposition(snapshot, kBuild);
  EXPECT_THAT(
      lines_with(text, "lossgazer_capture_"),
      ElementsAre(
          R"(lossgazer_capture_packets_total{interface="eth0"} 0)",
          R"(lossgazer_capture_dropped_packets_total{interface="eth0",stage="interface"} 0)",
          R"(lossgazer_capture_dropped_packets_total{interface="eth0",stage="kernel"} 0)",
          R"(lossgazer_capture_dropped_packets_total{interface="eth0",stage="queue"} 0)",
          R"(lossgazer_capture_dropped_packets_total{interface="eth0",stage="flow_table"} 0)",
          R"(lossgazer_capture_unparsed_packets_total{interface="eth0",reason="truncated"} 0)",
          R"(lossgazer_capture_unparsed_packets_total{interface="eth0",reason="not_ip"} 0)",
          R"(lossgazer_capture_unparsed_packets_total{interface="eth0",reason="not_tcp"} 0)",
          R"(lossgazer_capture_unparsed_packets_total{interface="eth0",reason="fragment"} 0)",
          R"(lossgazer_capture_unparsed_packets_total{interface="eth0",reason="malformed"} 0)",
          R"(lossgazer_capture_ignored_packets_total{interface="eth0",reason="no_local_end"} 0)",
          R"(lossgazer_capture_ignored_packets_total{interface="eth0",reason="excluded"} 0)",
          R"(lossgazer_capture_ignored_packets_total{interface="eth0",reason="copy"} 0)",
          R"(lossgazer_capture_judged_packets_total{interface="eth0"} 0)",
          R"(lossgazer_capture_interface_up{interface="eth0"} 0)",
          R"(lossgazer_capture_restarts_total{interface="eth0"} 0)",
          R"(lossgazer_capture_buffer_bytes{interface="eth0"} 0)",
          "lossgazer_capture_flow_sample_ratio 1"));
}

TEST(Exposition, HealthShowsWhatItIsGiven) {
  Snapshot snapshot;
  CaptureHealth& health = snapshot.health;
  SourceHealth source;
  source.name = "we\"ird\\";
  source.packets = 1;
  source.judged = 2;
  source.ignored = {3, 4, 5};
  source.dropped = {6, 7, 8, 9};
  source.unparsed = {99, 10, 11, 12, 13, 14};
  source.up = true;
  source.restarts = 15;
  source.last_packet = CaptureTime(std::chrono::milliseconds(1'766'000'000'250));
  source.buffer_bytes = 16'777'216;
  health.sources = {source};
  health.workers = {{17, std::chrono::milliseconds(1500)}, {18, Duration(0)}};
  health.queue_limit = 19;
  health.flows = 20;
  health.flow_limit = 21;
  health.flow_sample = 8;
  health.flows_expired = {22, 23, 24};
  health.tracking_refusals = {31, 32, 33, 34, 35};
  health.peers = 25;
  health.peer_limit = 26;
  health.peers_expired = {27, 28};
  EXPECT_THAT(
      lines_with(report_exposition(snapshot, kBuild), "lossgazer_"),
      ElementsAre(
          R"(lossgazer_capture_packets_total{interface="we\"ird\\"} 1)",
          R"(lossgazer_capture_dropped_packets_total{interface="we\"ird\\",stage="interface"} 6)",
          R"(lossgazer_capture_dropped_packets_total{interface="we\"ird\\",stage="kernel"} 7)",
          R"(lossgazer_capture_dropped_packets_total{interface="we\"ird\\",stage="queue"} 8)",
          R"(lossgazer_capture_dropped_packets_total{interface="we\"ird\\",stage="flow_table"} 9)",
          R"(lossgazer_capture_unparsed_packets_total{interface="we\"ird\\",reason="truncated"} 10)",
          R"(lossgazer_capture_unparsed_packets_total{interface="we\"ird\\",reason="not_ip"} 11)",
          R"(lossgazer_capture_unparsed_packets_total{interface="we\"ird\\",reason="not_tcp"} 12)",
          R"(lossgazer_capture_unparsed_packets_total{interface="we\"ird\\",reason="fragment"} 13)",
          R"(lossgazer_capture_unparsed_packets_total{interface="we\"ird\\",reason="malformed"} 14)",
          R"(lossgazer_capture_ignored_packets_total{interface="we\"ird\\",reason="no_local_end"} 3)",
          R"(lossgazer_capture_ignored_packets_total{interface="we\"ird\\",reason="excluded"} 4)",
          R"(lossgazer_capture_ignored_packets_total{interface="we\"ird\\",reason="copy"} 5)",
          R"(lossgazer_capture_judged_packets_total{interface="we\"ird\\"} 2)",
          R"(lossgazer_capture_interface_up{interface="we\"ird\\"} 1)",
          R"(lossgazer_capture_restarts_total{interface="we\"ird\\"} 15)",
          R"(lossgazer_capture_last_packet_timestamp_seconds{interface="we\"ird\\"} 1766000000.25)",
          R"(lossgazer_capture_buffer_bytes{interface="we\"ird\\"} 16777216)",
          "lossgazer_capture_flow_sample_ratio 0.125", R"(lossgazer_queue_packets{worker="0"} 17)",
          R"(lossgazer_queue_packets{worker="1"} 18)", "lossgazer_queue_limit 19",
          R"(lossgazer_worker_busy_seconds_total{worker="0"} 1.5)",
          R"(lossgazer_worker_busy_seconds_total{worker="1"} 0)", "lossgazer_flows 20",
          "lossgazer_flow_limit 21", R"(lossgazer_flows_expired_total{reason="idle"} 22)",
          R"(lossgazer_flows_expired_total{reason="closed"} 23)",
          R"(lossgazer_flows_expired_total{reason="evicted"} 24)",
          R"(lossgazer_tracking_refusals_total{what="troubles"} 31)",
          R"(lossgazer_tracking_refusals_total{what="holes"} 32)",
          R"(lossgazer_tracking_refusals_total{what="repeats"} 33)",
          R"(lossgazer_tracking_refusals_total{what="sacks"} 34)",
          R"(lossgazer_tracking_refusals_total{what="ip_ids"} 35)", "lossgazer_peers 25",
          "lossgazer_peer_limit 26", R"(lossgazer_peers_expired_total{reason="idle"} 27)",
          R"(lossgazer_peers_expired_total{reason="overflow"} 28)",
          R"(lossgazer_build_info{version="0.1.0",revision="abc123",compiler="GCC 12.2.0"} 1)"));
}

TEST(Exposition, EveryFamilyHasHelpAndTypeOnce) {
  const std::string text = report_exposition(with_row(peer("192.0.2.7"), {}, {}), kBuild);
  const auto types = lines_with(text, "# TYPE ");
  EXPECT_EQ(lines_with(text, "# HELP ").size(), types.size());
  for (const std::string& type : types) EXPECT_THAT(lines_with(text, type), SizeIs(1)) << type;
  EXPECT_THAT(types, Contains("# TYPE lossgazer_queue_limit gauge"));
}

std::string peers_text(const Snapshot& snapshot, const ExpositionOptions& options) {
  return exposition_text([&](const FamilySink& sink) {
    peer_families(snapshot, std::vector<bool>(snapshot.peers.size(), true), options, sink);
    peer_info_family(snapshot.peers, options, sink);
  });
}

TEST(Exposition, DisabledCountersAreLeftOutAndTheRestStays) {
  const Snapshot snapshot = with_row(peer("192.0.2.7"), distinct(100), distinct(200));
  const auto all = lines_with(peers_text(snapshot, {}), "# TYPE ");
  const auto fewer = lines_with(
      peers_text(snapshot, {.disabled = {"duplicate_acks", "lost_packets", kRttKey}}), "# TYPE ");
  EXPECT_EQ(fewer.size(), all.size() - 3);
  EXPECT_THAT(fewer, Contains("# TYPE lossgazer_packets_total counter"));
  EXPECT_THAT(fewer, testing::Not(Contains(testing::HasSubstr("rtt_seconds"))));
}

TEST(Exposition, WithBucketsTheRoundTripTimeIsAHistogram) {
  LossCounters counters;
  counters.rtt_count = 10;
  counters.rtt_sum = std::chrono::milliseconds(1500);
  counters.rtt_buckets = {4, 5};
  Snapshot snapshot = with_row(peer("192.0.2.7"), counters, {});
  const std::vector<Duration> bounds = {std::chrono::microseconds(1500),
                                        std::chrono::milliseconds(50)};
  snapshot.rtt_buckets = RttBuckets(bounds);
  const std::string text = peers_text(snapshot, {});
  EXPECT_THAT(lines_with(text, "# TYPE lossgazer_rtt"),
              ElementsAre("# TYPE lossgazer_rtt_seconds histogram"));
  EXPECT_THAT(
      lines_with(text, R"(lossgazer_rtt_seconds)"),
      ElementsAre(
          R"(lossgazer_rtt_seconds_count{peer="192.0.2.7",direction="egress"} 10)",
          R"(lossgazer_rtt_seconds_sum{peer="192.0.2.7",direction="egress"} 1.5)",
          R"(lossgazer_rtt_seconds_bucket{peer="192.0.2.7",direction="egress",le="0.0015"} 4)",
          R"(lossgazer_rtt_seconds_bucket{peer="192.0.2.7",direction="egress",le="0.05"} 9)",
          R"(lossgazer_rtt_seconds_bucket{peer="192.0.2.7",direction="egress",le="+Inf"} 10)",
          R"(lossgazer_rtt_seconds_count{peer="192.0.2.7",direction="ingress"} 0)",
          R"(lossgazer_rtt_seconds_sum{peer="192.0.2.7",direction="ingress"} 0)",
          R"(lossgazer_rtt_seconds_bucket{peer="192.0.2.7",direction="ingress",le="0.0015"} 0)",
          R"(lossgazer_rtt_seconds_bucket{peer="192.0.2.7",direction="ingress",le="0.05"} 0)",
          R"(lossgazer_rtt_seconds_bucket{peer="192.0.2.7",direction="ingress",le="+Inf"} 0)"));
}

TEST(Exposition, EventsShowHowTheirStreamFares) {
  const auto text_of = [](const EventHealth& health) {
    return exposition_text([&](const FamilySink& sink) { event_families(health, sink); });
  };
  EXPECT_THAT(lines_with(text_of({}), "lossgazer_"),
              ElementsAre(R"(lossgazer_events_dropped_total{reason="receiver"} 0)",
                          R"(lossgazer_events_dropped_total{reason="rate_limit"} 0)"));
  const std::string streaming =
      text_of({.sent = 5, .dropped = {3, 2}, .queued = 7, .receiver_up = true});
  EXPECT_THAT(lines_with(streaming, "lossgazer_"),
              ElementsAre(R"(lossgazer_events_dropped_total{reason="receiver"} 3)",
                          R"(lossgazer_events_dropped_total{reason="rate_limit"} 2)",
                          "lossgazer_events_sent_total 5", "lossgazer_events_queued 7",
                          "lossgazer_events_receiver_up 1"));
  EXPECT_EQ(value_of(text_of({.receiver_up = false}), "lossgazer_events_receiver_up"), "0");
}

std::string kernel_text(const KernelWord& word) {
  return exposition_text([&](const FamilySink& sink) { kernel_families(word, sink); });
}

TEST(Exposition, TheKernelsCountersAreThoseItHas) {
  KernelWord word;
  EXPECT_EQ(kernel_text(word), "");
  word.counters.values[static_cast<size_t>(KernelCounter::kRetransSegs)] = 12;
  word.counters.values[static_cast<size_t>(KernelCounter::kOfoQueue)] = 0;
  const std::string text = kernel_text(word);
  EXPECT_THAT(lines_with(text, "lossgazer_"),
              ElementsAre("lossgazer_kernel_retransmitted_segments_total 12",
                          "lossgazer_kernel_out_of_order_segments_total 0"));
  EXPECT_THAT(lines_with(text, "# HELP lossgazer_kernel_out_of_order_segments_total"),
              ElementsAre(testing::HasSubstr("TcpExtTCPOFOQueue")));
  EXPECT_THAT(lines_with(text, "# TYPE lossgazer_kernel_retransmitted_segments_total"),
              ElementsAre(testing::EndsWith("counter")));
}

TEST(Exposition, TheKernelsRetransmissionsAreByOwner) {
  const std::vector<RetransmitRow> rows = {
      {.key = {.peer = peer("192.0.2.7"),
               .state = "established",
               .process = "ng\"inx",
               .cgroup = "/system.slice/nginx.service"},
       .segments = 12},
      {.key = {.peer = {.kind = PeerKey::Kind::kOther}}, .segments = 3}};
  const auto text_of = [&](const std::vector<bool>& shown, const ExpositionOptions& options) {
    return exposition_text(
        [&](const FamilySink& sink) { retransmit_family(rows, shown, options, sink); });
  };
  const std::string nginx =
      R"(lossgazer_kernel_retransmits_total{peer="192.0.2.7",state="established",)"
      R"(process="ng\"inx",cgroup="/system.slice/nginx.service"} )";
  const std::string other =
      R"(lossgazer_kernel_retransmits_total{peer="other",state="",process="",cgroup=""} )";
  EXPECT_THAT(lines_with(text_of({true, true}, {}), "lossgazer_"),
              ElementsAre(nginx + "12", other + "3"));
  EXPECT_THAT(lines_with(text_of({false, true}, {}), "lossgazer_"),
              ElementsAre(nginx + "0", other + "3"));
  EXPECT_EQ(text_of({true, true}, {.disabled = {kRetransmitsKey}}), "");
}

TEST(Exposition, AgreementIsAbsentWhereItCannotBeTold) {
  KernelWord word;
  EXPECT_THAT(kernel_text(word), testing::Not(testing::HasSubstr("agreement")));
  word.agreement = 0.97;
  EXPECT_EQ(value_of(kernel_text(word), "lossgazer_kernel_agreement_ratio"), "0.97");
  word.agreement = std::numeric_limits<double>::infinity();
  EXPECT_EQ(value_of(kernel_text(word), "lossgazer_kernel_agreement_ratio"), "+Inf");
}

TEST(Exposition, PeerInfoDescribesEachPeerOnceAndOnlyIfThereIsSomethingToSay) {
  PeerKey web = peer("192.0.2.7");
  web.port = 80;
  Snapshot snapshot = with_row(web, {}, {});
  web.port = 443;
  snapshot.peers.push_back({web, {}});
  snapshot.peers.push_back({peer("192.0.2.8"), {}});
  snapshot.peers.push_back({{.kind = PeerKey::Kind::kGroup, .group = PeerName("storage")}, {}});
  snapshot.peers.push_back({{.kind = PeerKey::Kind::kOther}, {}});
  ExpositionOptions options;
  options.info = [](const PeerKey& key) -> PeerInfo {
    if (key != peer("192.0.2.7")) return {};
    return {.name = "web.example", .asn = "64500", .organisation = "A \"B\"", .country = "NL"};
  };
  EXPECT_THAT(
      lines_with(peers_text(snapshot, options), "lossgazer_peer_info"),
      ElementsAre(
          R"(lossgazer_peer_info{peer="192.0.2.7",name="web.example",asn="64500",organisation="A \"B\"",country="NL"} 1)",
          R"(lossgazer_peer_info{peer="storage",name="storage",group="storage"} 1)"));
  snapshot.peers.erase(snapshot.peers.begin() + 3);
  EXPECT_THAT(lines_with(peers_text(snapshot, {}), "# TYPE lossgazer_peer_info"), SizeIs(0));
}

}  // namespace
}  // namespace lossgazer
