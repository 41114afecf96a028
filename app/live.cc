#include "app/live.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "app/build_info.h"
#include "app/event_filter.h"
#include "app/event_stream.h"
#include "app/live_capture.h"
#include "app/log.h"
#include "app/option_table.h"
#include "app/peer_directory.h"
#include "app/privileges.h"
#include "app/reload.h"
#include "app/sandbox.h"
#include "app/service.h"
#include "app/signals.h"
#include "capture/kernel_audit.h"
#include "capture/kernel_events.h"
#include "capture/pipeline.h"
#include "metrics/http_server.h"
#include "metrics/landing_page.h"
#include "metrics/loss_collector.h"
#include "metrics/peer_board.h"

namespace lossgazer {
namespace {

constexpr std::chrono::milliseconds kPoll(200);

ExpositionOptions exposition_options(const Options& options, const CaptureOptions& running,
                                     PeerDirectory& directory) {
  return {.disabled = options.metrics.disabled,
          .info = [&directory](const PeerKey& peer) { return directory.of(peer); },
          .captures = captures(running)};
}

// What makes us count other packets than those that the kernel sends; nothing if nothing does.
std::string_view counts_apart(const CaptureOptions& capture, const AnalyzerOptions& analyzer) {
  const NetworkSet loopback(default_options().analyzer.peers_exclude);
  const bool excludes = !std::ranges::all_of(analyzer.peers_exclude, [&](const IpPrefix& network) {
    return loopback.contains(network.address());
  });
  if (!captures(capture)) return "capture.interface none";
  if (!capture.filter.empty()) return "capture.filter";
  if (capture.flow_sample.one_in != 1) return "capture.flow-sample";
  if (!analyzer.local.empty()) return "local";
  return excludes ? "peers.exclude" : "";
}

// By default each thread has a heap of its own. A scrape takes megabytes, once in each of the
// server's threads, and the system clears all of it anew. Nobody allocates for each packet, so that
// nobody waits for another. Before any other thread is made.
void share_one_heap() {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 1);
#endif
}

// Before anything is opened: what is closed gives its number to the next file.
void check_standard_output(const Options& options) {
  if (!options.events.to || !options.events.to->is_standard_output()) return;
  if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
    throw std::runtime_error("events.to -: write to standard output: it is closed");
  }
}

// Nothing, if they are not asked for.
std::unique_ptr<EventStream> event_stream(const Options& options) {
  const EventOptions& events = options.events;
  if (!events.to) return nullptr;
  return std::make_unique<EventStream>(
      EventStreamConfig{.to = *events.to,
                        .filter = EventFilter(events.peers, events.verdicts),
                        .names = events.names(),
                        .workers = options.analyzer.workers,
                        .begins = [] { (void)enter_sandbox(Role::kClient); },
                        .log = log_line});
}

// What is judged goes there, too.
PipelineConfig streaming(PipelineConfig config, EventStream* events) {
  if (events == nullptr) return config;
  config.verdicts = [events](size_t worker) { return events->sink(worker); };
  config.source_named = [events](uint16_t source, const std::string& name) {
    events->name_source(source, name);
  };
  return config;
}

std::unique_ptr<KernelEvents> kernel_events(const Options& options) {
  return std::make_unique<KernelEvents>(KernelEventsConfig{.peers = PeerPolicy(peer_rules(options)),
                                                           .rows_max = options.analyzer.peers_max,
                                                           .ttl = options.analyzer.peers_ttl,
                                                           .begins = hold_kernel_events,
                                                           .log = log_line});
}

// Nothing where the kernel does not say what it counts, if there is something else to do.
std::unique_ptr<KernelAudit> begin_audit(const Options& options) {
  std::unique_ptr<KernelAudit> audit;
  try {
    audit = std::make_unique<KernelAudit>();
  } catch (const std::runtime_error& error) {
    if (!captures(options.capture)) throw;
    log_warning(error.what());
    return nullptr;
  }
  const std::string_view apart = counts_apart(options.capture, options.analyzer);
  audit->set_whole(apart.empty());
  if (!captures(options.capture)) {
    log_info("captures nothing; serves the kernel's own counters alone");
  } else if (!apart.empty()) {
    log_info(fmt::format(
        "no kernel_agreement_ratio: with {} we count other packets than the kernel sends", apart));
  }
  return audit;
}

// What a reload changes. Everything else is read once and takes a restart.
std::vector<LiveChange> live_changes(const Options& running, Pipeline& pipeline, KernelAudit* audit,
                                     LossCollector& collector, PeerDirectory& directory,
                                     EventStream* events, KernelEvents* of_kernel) {
  return {
      at_once({"log.level", "log.format"}, [](const Options& next) { set_up_log(next.log); }),
      at_once({"local"}, [&](const Options& next) { pipeline.set_local(local_ends(next)); }),
      at_once({"flows.idle"},
              [&](const Options& next) { pipeline.set_flows_idle(next.analyzer.flows_idle); }),
      at_once({"peers.exclude", "peers.group", "peers.prefix-v4", "peers.prefix-v6", "peers.max",
               "peers.ttl", "metrics.labels"},
              [&pipeline, of_kernel](const Options& next) {
                pipeline.set_peers(live_peers(next), next.analyzer.peers_max,
                                   next.analyzer.peers_ttl);
                if (of_kernel == nullptr) return;
                of_kernel->set_peers(PeerPolicy(peer_rules(next)), next.analyzer.peers_max,
                                     next.analyzer.peers_ttl);
              }),
      at_once({"metrics.disable"},
              [&](const Options& next) {
                collector.set_options(exposition_options(next, running.capture, directory));
              }),
      at_once({"events.ecs", "events.peer", "events.verdict"},
              [=](const Options& next) {
                if (events == nullptr) return;
                events->set_filter(EventFilter(next.events.peers, next.events.verdicts));
                events->set_names(next.events.names());
              }),
      {.options = {},  // those above, of which some are in force for us alone
       .prepare =
           [&running, audit](const Options& next) {
             const bool whole = counts_apart(running.capture, next.analyzer).empty();
             return [audit, whole] {
               if (audit != nullptr) audit->set_whole(whole);
             };
           },
       .always = true},
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

void log_end(const EventHealth& events) {
  log_info(fmt::format("events: {} sent, {} dropped", events.sent,
                       std::accumulate(events.dropped.begin(), events.dropped.end(), uint64_t{0})));
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

}  // namespace

void run_live(const Options& options, const std::function<Options()>& read_again) {
  share_one_heap();
  check_standard_output(options);
  set_up_log(options.log);
  const BuildInfo build = build_info();
  log_start(options, build);
  std::unique_ptr<KernelEvents> of_kernel;
  std::function<void()> begin_kernel_events;
  if (options.kernel.events) begin_kernel_events = [&] { of_kernel = kernel_events(options); };
  CaptureOpener opener(options.user, begin_kernel_events);
  check_readable(options.config_file);
  ServiceManager service;
  PeerDirectory directory(options);
  const std::unique_ptr<EventStream> events = event_stream(options);
  Pipeline pipeline(streaming(pipeline_config(options, opener), events.get()));
  const Signals signals(pipeline);
  const std::unique_ptr<KernelAudit> audit = begin_audit(options);
  pipeline.start();

  Reloader* reloading = nullptr;
  const auto snapshot = [&pipeline, &of_kernel] {
    Snapshot all = pipeline.snapshot();
    if (of_kernel) all.kernel_retransmits = of_kernel->rows();
    return all;
  };
  LossCollector collector(snapshot, build, LossCollector::Clock::now,
                          [&reloading, &audit, &events](const FamilySink& sink) {
                            if (audit) kernel_families(audit->word(), sink);
                            config_families(reloading->health(), sink);
                            event_families(events ? events->health() : EventHealth{}, sink);
                          });
  collector.set_options(exposition_options(options, options.capture, directory));
  Reloader reloader(options, read_again,
                    live_changes(options, pipeline, audit.get(), collector, directory, events.get(),
                                 of_kernel.get()),
                    log_line);
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
    if (audit && audit->due()) audit->look(pipeline.snapshot());
    if (Signals::take_reload()) (void)reload();
    desk.serve(reload);
    reloader.settle_log();
    if (!pipeline.not_healthy()) service.alive(std::chrono::steady_clock::now());
  }
  service.stopping();
  pipeline.stop();
  if (events) {
    events->finish();
    log_end(events->health());
  }
  log_end(pipeline.snapshot());
}

}  // namespace lossgazer
