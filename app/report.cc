#include "app/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "analyzer/decode.h"
#include "analyzer/network_set.h"
#include "analyzer/peer_ledger.h"
#include "analyzer/shard.h"
#include "analyzer/shared_counters.h"
#include "app/build_info.h"
#include "app/event_filter.h"
#include "app/event_format.h"
#include "app/explain.h"
#include "app/packet_story.h"
#include "app/random_secret.h"
#include "app/report_format.h"
#include "capture/pcap_source.h"
#include "metrics/exposition.h"

namespace lossgazer {
namespace {

constexpr size_t kFramesPerRead = 4096;
constexpr size_t kBatch = 64;
// How often, in capture time, what waits is looked at: as often as the live path does.
constexpr Duration kTick = std::chrono::milliseconds(100);

// Judges the frames of one file after the other with one shard: the flows of rotated files go on.
class FileJudge {
 public:
  // `watch` is told each TCP packet, before it is judged.
  FileJudge(ShardConfig config, VerdictSink sink, std::function<void(const Segment&)> watch = {})
      : secret_(config.secret),
        shared_counters_(config.secret),
        shard_(std::move(config), std::move(sink)),
        watch_(std::move(watch)) {}

  // Returns why the file's end is missing, or nothing.
  std::string judge_file(PcapSource& source, uint16_t number, SourceHealth& health) {
    const LinkType link_type = source.link_type();
    auto take = [&](const Frame& frame) noexcept {
      ++health.packets;
      // Time that the file leaves out passes before its next packet.
      if (frame.time - ticked_ >= kTick || frame.time < ticked_) {
        flush();
        shard_.tick(frame.time);
        ticked_ = frame.time;
      }
      Segment& segment = batch_[batched_];
      segment.source = number;
      segment.link = 0;
      const DecodeStatus status = decode(frame, link_type, secret_, segment);
      if (status != DecodeStatus::kOk) {
        ++health.unparsed[static_cast<size_t>(status)];
        return;
      }
      if (watch_) watch_(segment);
      shared_counters_.mark_soon(segment);
      if (++batched_ == kBatch) flush();
    };
    for (;;) {
      const ReadResult result = source.read(kFramesPerRead, take);
      if (result.status == ReadStatus::kMore) continue;
      flush();
      return result.message;
    }
  }

  void finish() {
    flush();
    shard_.finish();
  }
  ShardDelta drain() { return shard_.drain(); }

 private:
  void flush() noexcept {
    shared_counters_.mark_waiting();
    shard_.judge({batch_.data(), batched_});
    batched_ = 0;
  }

  HashKey secret_;
  SharedCounters shared_counters_;  // of all files: rotated ones go on
  Shard shard_;
  std::function<void(const Segment&)> watch_;
  std::array<Segment, kBatch> batch_;
  size_t batched_ = 0;
  CaptureTime ticked_;
};

ShardConfig shard_config(const Options& options) {
  ShardConfig config{.flows_max = options.analyzer.flows_max,
                     .flows_idle = options.analyzer.flows_idle,
                     .secret = random_secret(),
                     .peers = PeerPolicy(peer_rules(options)),
                     .rtt_buckets = {},
                     .local = nullptr};
  // No more than flows: a table as large as four of them would set aside gigabytes of addresses.
  const size_t rows = std::min(4 * options.analyzer.peers_max, options.analyzer.flows_max);
  config.peers_max = std::max(config.peers_max, rows);
  if (!options.analyzer.local.empty()) {
    config.local = std::make_shared<const NetworkSet>(options.analyzer.local);
  }
  return config;
}

void warn_of_cut(const std::string& file, const std::string& cut, const SourceHealth& health,
                 std::ostream& warnings) {
  if (cut.empty()) return;
  warnings << fmt::format("lossgazer: {}: {}; judged up to there, {} packets\n", file, cut,
                          health.packets);
}

void finish_output(std::ostream& out) {
  out.flush();
  if (!out) throw std::runtime_error("report: write to standard output: it failed");
}

// The packet of that number. Throws std::runtime_error if there is none, or if it is not judged.
Segment packet_to_explain(const Options& options, const ShardConfig& config) {
  const std::string& file = options.report.files.front();
  const uint64_t wanted = options.report.explain.value();
  PcapSource source = PcapSource::open_file(file, options.capture.filter);
  const LinkType link_type = source.link_type();
  std::optional<DecodeStatus> status;
  uint64_t packets = 0;
  Segment segment;
  auto take = [&](const Frame& frame) noexcept {
    ++packets;
    if (frame.number == wanted) status = decode(frame, link_type, config.secret, segment);
  };
  while (!status && source.read(kFramesPerRead, take).status == ReadStatus::kMore) {
  }
  const auto refused = [&](std::string_view why) {
    return std::runtime_error(fmt::format("explain frame {} of {}: {}", wanted, file, why));
  };
  if (!status) throw refused(fmt::format("it has {} packets", packets));
  if (*status != DecodeStatus::kOk) {
    throw refused(
        fmt::format("it is not judged: {}", kDecodeStatusName[static_cast<size_t>(*status)]));
  }
  if (!config.local) return segment;
  const bool low_is_us = config.local->contains(segment.key.low_address);
  if (!low_is_us && !config.local->contains(segment.key.high_address)) {
    throw refused("it is not judged: neither end is --local");
  }
  if (!config.peers.peer_of(segment, low_is_us ? Sender::kLow : Sender::kHigh, *config.local)) {
    throw refused("it is not judged: its peer is excluded");
  }
  return segment;
}

void run_explain(const Options& options, std::ostream& out, std::ostream& warnings) {
  ShardConfig config = shard_config(options);
  PacketStory story(packet_to_explain(options, config));
  FileJudge judge(
      std::move(config), [&](const Verdict& verdict) { story.judge(verdict); },
      [&](const Segment& segment) { story.see(segment); });
  const std::string& file = options.report.files.front();
  PcapSource source = PcapSource::open_file(file, options.capture.filter);
  SourceHealth health;
  warn_of_cut(file, judge.judge_file(source, 0, health), health, warnings);
  judge.finish();
  out << explanation(story);
  finish_output(out);
}

}  // namespace

void run_report(const Options& options, std::ostream& out, std::ostream& warnings) {
  if (options.report.explain) return run_explain(options, out, warnings);
  const std::vector<std::string>& files = options.report.files;
  if (files.size() > UINT16_MAX) throw std::runtime_error("report: too many files at once");
  VerdictSink sink;
  if (options.report.format == ReportFormat::kEvents) {
    sink = [&, filter = EventFilter(options.events.peers, options.events.verdicts)](
               const Verdict& verdict) {
      if (!filter.passes(verdict)) return;
      const std::string_view file = files.size() > 1 ? files[verdict.source] : std::string_view();
      out << event_line(verdict, options.events.names(), {.file = file});
    };
  }

  Snapshot snapshot;
  FileJudge judge(shard_config(options), std::move(sink));
  for (size_t i = 0; i < files.size(); ++i) {
    PcapSource source = PcapSource::open_file(files[i], options.capture.filter);
    SourceHealth& health = snapshot.health.sources.emplace_back();
    health.name = files[i];
    warn_of_cut(files[i], judge.judge_file(source, static_cast<uint16_t>(i), health), health,
                warnings);
  }
  judge.finish();

  const ShardDelta delta = judge.drain();
  PeerLedger ledger(options.analyzer.peers_max, Duration::max());
  ledger.add(delta.peers, CaptureTime());
  snapshot.peers = ledger.rows();
  for (size_t i = 0; i < delta.outcomes.size(); ++i) {
    SourceHealth& health = snapshot.health.sources[i];
    health.judged = delta.outcomes[i].judged;
    health.ignored = delta.outcomes[i].ignored;
    health.dropped[static_cast<size_t>(DropStage::kFlowTable)] = delta.outcomes[i].flow_table_drops;
  }
  snapshot.health.flow_limit = options.analyzer.flows_max;
  snapshot.health.flows_expired = delta.flows_expired;
  snapshot.health.tracking_refusals = delta.refusals;
  snapshot.health.peers = ledger.peers();
  snapshot.health.peer_limit = ledger.peers_max();
  snapshot.health.peers_expired = ledger.expired();
  switch (options.report.format) {
    case ReportFormat::kTable:
      out << table_text(snapshot);
      break;
    case ReportFormat::kJson:
      out << json_text(snapshot);
      break;
    case ReportFormat::kCsv:
      out << csv_text(snapshot, options.analyzer.local.empty() ? PeerKey::Kind::kPair
                                                               : PeerKey::Kind::kAddress);
      break;
    case ReportFormat::kEvents:
      break;
    case ReportFormat::kPrometheus:
      out << report_exposition(snapshot, build_info());
      break;
  }
  finish_output(out);
}

}  // namespace lossgazer
