#include "app/live.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "app/build_info.h"
#include "app/geoip.h"
#include "app/log.h"
#include "app/option_table.h"
#include "app/peer_names.h"
#include "app/privileges.h"
#include "app/random_secret.h"
#include "app/reload.h"
#include "app/sandbox.h"
#include "app/service.h"
#include "app/signals.h"
#include "capture/pipeline.h"
#include "metrics/http_server.h"
#include "metrics/landing_page.h"
#include "metrics/loss_collector.h"
#include "metrics/peer_board.h"

namespace lossgazer {
namespace {

constexpr std::chrono::milliseconds kPoll(200);

// Nothing: the interfaces' own addresses.
std::optional<NetworkSet> local_ends(const Options& options) {
  if (options.analyzer.local.empty()) return std::nullopt;
  return NetworkSet(options.analyzer.local);
}

PeerPolicy live_peers(const Options& options) {
  PeerRules rules = peer_rules(options);
  rules.label_local = options.metrics.labels_local;
  rules.label_port = options.metrics.labels_port;
  return PeerPolicy(rules);
}

// What is known of peers beyond their counters.
class PeerDirectory {
 public:
  explicit PeerDirectory(const Options& options) {
    open(options);
    if (options.analyzer.peer_names) {
      names_.emplace(reverse_dns, PeerNamesLimits{}, [] { (void)enter_sandbox(Role::kNames); });
    }
  }
  // Opens the databases anew. Throws std::runtime_error; then those that were open stay.
  void open(const Options& options) {
    geoip_.open({.asn_db = options.geoip.asn_db, .country_db = options.geoip.country_db});
  }
  [[nodiscard]] PeerInfo of(const PeerKey& peer) {
    PeerInfo info{.name = name_of(peer)};
    geoip_.describe(peer, info);
    return info;
  }
  [[nodiscard]] std::string name_of(const PeerKey& peer) {
    if (!names_ || peer.kind != PeerKey::Kind::kAddress) return {};
    return names_->name_of(peer.address);
  }

 private:
  GeoIp geoip_;
  std::optional<PeerNames> names_;
};

ExpositionOptions exposition_options(const Options& options, PeerDirectory& directory) {
  return {.disabled = options.metrics.disabled,
          .info = [&directory](const PeerKey& peer) { return directory.of(peer); }};
}

PipelineConfig pipeline_config(const Options& options, CaptureOpener& opener) {
  PipelineConfig config;
  config.open = [&opener](const LiveConfig& live) { return opener.open(live); };
  config.reader_begins = [] { (void)enter_sandbox(Role::kCapture); };
  config.worker_begins = [] { (void)enter_sandbox(Role::kJudge); };
  config.interfaces = options.capture.interfaces;
  config.live.snaplen = options.capture.snaplen;
  config.live.buffer_bytes = options.capture.buffer_bytes;
  config.live.promiscuous = options.capture.promiscuous;
  config.live.user_filter = options.capture.filter;
  config.workers = options.analyzer.workers;
  config.flows_max = options.analyzer.flows_max;
  config.flows_idle = options.analyzer.flows_idle;
  config.peers_max = options.analyzer.peers_max;
  config.peers_ttl = options.analyzer.peers_ttl;
  config.peers = live_peers(options);
  config.rtt_buckets = RttBuckets(options.metrics.rtt_buckets);
  config.secret = random_secret();
  config.local = local_ends(options);
  config.log = log_line;
  return config;
}

// What a reload changes. Everything else is read once and takes a restart.
std::vector<LiveChange> live_changes(Pipeline& pipeline, LossCollector& collector,
                                     PeerDirectory& directory) {
  return {
      at_once({"log.level", "log.format"}, [](const Options& next) { set_up_log(next.log); }),
      at_once({"local"}, [&](const Options& next) { pipeline.set_local(local_ends(next)); }),
      at_once({"flows.idle"},
              [&](const Options& next) { pipeline.set_flows_idle(next.analyzer.flows_idle); }),
      at_once({"peers.exclude", "peers.group", "peers.prefix-v4", "peers.prefix-v6", "peers.max",
               "peers.ttl", "metrics.labels"},
              [&](const Options& next) {
                pipeline.set_peers(live_peers(next), next.analyzer.peers_max,
                                   next.analyzer.peers_ttl);
              }),
      at_once(
          {"metrics.disable"},
          [&](const Options& next) { collector.set_options(exposition_options(next, directory)); }),
      // Last, since the databases are changed as they are made ready.
      {.options = {"geoip.asn-db", "geoip.country-db"},
       .prepare =
           [&](const Options& next) {
             directory.open(next);
             return [] {};
           },
       .always = true},
  };
}

// What an operator needs to know of a start: which program, and what it was asked to do.
void log_start(const Options& options, const BuildInfo& build) {
  log_info(fmt::format("lossgazer {} ({}) starts", build.version, build.revision));
  std::vector<std::string> different;
  for (const Option* option : changed_options(options, default_options())) {
    const auto given = options.given.find(option->name);
    if (given == options.given.end()) continue;
    different.push_back(
        fmt::format("{}={} ({})", option->name, given->second.text, given->second.origin));
  }
  log_info(different.empty() ? "all options have their defaults"
                             : fmt::format("not as by default: {}", fmt::join(different, ", ")));
}

// What a reload reads again, whom this process has become must be able to read, too.
void check_readable(const std::string& config_file) {
  if (config_file.empty() || access(config_file.c_str(), R_OK) == 0) return;
  throw std::runtime_error(
      fmt::format("read {} again, as a reload will: {}: the user {} may not; let that user read it",
                  config_file, std::generic_category().message(errno), geteuid()));
}

// What was seen from the start to the end, since nobody can scrape it any more.
void log_end(const Snapshot& snapshot) {
  uint64_t captured = 0;
  uint64_t judged = 0;
  uint64_t dropped = 0;
  for (const SourceHealth& source : snapshot.health.sources) {
    captured += source.packets;
    judged += source.judged;
    for (const uint64_t at_stage : source.dropped) dropped += at_stage;
  }
  uint64_t lost = 0;
  const auto add = [&lost](const std::array<LossCounters, 2>& of) {
    for (const LossCounters& counters : of) {
      for (const Side side : {Side::kBefore, Side::kAfter}) {
        for (const LossMethod method : {LossMethod::kCensus, LossMethod::kSequence}) {
          lost += counters.lost(side, method);
        }
      }
    }
  };
  for (const PeerRow& row : snapshot.peers) add(row.counters);
  add(snapshot.departed);
  log_info(fmt::format("stopped: {} packets captured, {} judged, {} dropped here; {} lost",
                       captured, judged, dropped, lost));
}

// Tells those who wait for a reload that none will come, before the server waits for them.
class DeskClosing {
 public:
  explicit DeskClosing(ReloadDesk& desk) : desk_(desk) {}
  ~DeskClosing() { desk_.close(); }
  DeskClosing(const DeskClosing&) = delete;
  DeskClosing& operator=(const DeskClosing&) = delete;

 private:
  ReloadDesk& desk_;
};

// Room for all peers and `other`, but for no more than some 35 MB.
size_t history_peers(size_t peers_max) { return std::min<size_t>(peers_max, 4'999) + 1; }

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  name.resize(name.find('\0'));
  return name;
}

}  // namespace

void run_live(const Options& options, const std::function<Options()>& read_again) {
  set_up_log(options.log);
  const BuildInfo build = build_info();
  log_start(options, build);
  CaptureOpener opener(options.user);
  check_readable(options.config_file);
  ServiceManager service;
  PeerDirectory directory(options);
  Pipeline pipeline(pipeline_config(options, opener));
  const Signals signals(pipeline);
  pipeline.start();

  Reloader* reloading = nullptr;
  LossCollector collector(
      [&pipeline] { return pipeline.snapshot(); }, build, LossCollector::Clock::now,
      [&reloading](const FamilySink& sink) { config_families(reloading->health(), sink); });
  collector.set_options(exposition_options(options, directory));
  Reloader reloader(options, read_again, live_changes(pipeline, collector, directory), log_line);
  reloading = &reloader;
  ReloadDesk desk([&pipeline] { pipeline.wake(); });
  PeerBoard board({.host = host_name(),
                   .build = build,
                   .snapshot = [&pipeline] { return pipeline.snapshot(); },
                   .not_ready = [&pipeline] { return pipeline.not_ready(); },
                   .name = [&directory](const PeerKey& peer) { return directory.name_of(peer); },
                   .history = {.peers_max = history_peers(options.analyzer.peers_max)}});
  board.observe();
  const HttpServerConfig web = {.listen = options.web.listen,
                                .telemetry_path = options.web.telemetry_path,
                                .page = landing_page(options.web.telemetry_path),
                                .config_file = options.web.config_file,
                                .log = {.info = log_info, .warning = log_warning},
                                .threads_begin = [] { (void)enter_sandbox(Role::kWeb); }};
  const HttpHandlers handlers = {.metrics = [&collector] { return collector.text(); },
                                 .healthy = [&pipeline] { return pipeline.not_healthy(); },
                                 .ready = [&pipeline] { return pipeline.not_ready(); },
                                 .peers = [&board](auto top) { return board.json(top); },
                                 .reload = [&desk] { return desk.ask(); }};
  const HttpServer server(web, handlers);
  const DeskClosing closing(desk);
  const std::string serves = fmt::format("serves {}", fmt::join(server.urls(), " "));
  log_info(fmt::format("lossgazer {} {}", build.version, serves));
  service.ready(serves);
  (void)enter_sandbox(Role::kMain);

  const auto reload = [&] {
    service.reloading();
    std::optional<std::string> refusal = reloader.reload();
    service.ready(serves);
    return refusal;
  };
  while (!Signals::asked_to_stop()) {
    pipeline.poll(kPoll);
    board.observe();
    if (Signals::take_reload()) (void)reload();
    desk.serve(reload);
    reloader.settle_log();
    if (!pipeline.not_healthy()) service.alive(std::chrono::steady_clock::now());
  }
  service.stopping();
  pipeline.stop();
  log_end(pipeline.snapshot());
}

}  // namespace lossgazer
