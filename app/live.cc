#include "app/live.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "app/build_info.h"
#include "app/log.h"
#include "app/option_table.h"
#include "app/random_secret.h"
#include "capture/pipeline.h"
#include "metrics/http_server.h"
#include "metrics/loss_collector.h"

namespace lossgazer {
namespace {

constexpr std::chrono::milliseconds kPoll(200);

// Turns SIGINT and SIGTERM into a flag while it lives; a handler has nothing but globals to reach.
class StopSignals {
 public:
  explicit StopSignals(const Pipeline& pipeline) {
    stop_ = false;
    pipeline_ = &pipeline;
    struct sigaction action {};
    action.sa_handler = [](int) {
      stop_ = true;
      if (const Pipeline* woken = pipeline_) woken->wake();
    };
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
  ~StopSignals() {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    pipeline_ = nullptr;
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] static bool asked_to_stop() { return stop_; }

 private:
  static inline std::atomic<bool> stop_{false};
  static inline std::atomic<const Pipeline*> pipeline_{nullptr};
};

PipelineConfig pipeline_config(const Options& options) {
  PipelineConfig config;
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
  config.excluded_peers = NetworkSet(options.analyzer.peers_exclude);
  config.secret = random_secret();
  if (!options.analyzer.local.empty()) config.local = NetworkSet(options.analyzer.local);
  config.log = log_line;
  return config;
}

std::string urls(const HttpServer& server, const std::string& path) {
  std::vector<std::string> urls;
  for (const ListenAddress& address : server.bound()) {
    urls.push_back(fmt::format("http://{}{}", address.to_string(), path));
  }
  return fmt::format("{}", fmt::join(urls, " "));
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

}  // namespace

void run_live(const Options& options) {
  set_up_log(options.log);
  const BuildInfo build = build_info();
  log_start(options, build);
  Pipeline pipeline(pipeline_config(options));
  const StopSignals signals(pipeline);
  pipeline.start();

  const LossCollector collector([&pipeline] { return pipeline.snapshot(); }, build);
  const HttpServer server({.listen = options.web.listen,
                           .telemetry_path = options.web.telemetry_path,
                           .version = build.version},
                          {.metrics = [&collector] { return collector.text(); },
                           .healthy = [&pipeline]() -> std::optional<std::string> {
                             if (pipeline.healthy()) return std::nullopt;
                             return "a capture or worker thread has died";
                           },
                           .ready = [&pipeline] { return pipeline.not_ready(); }});
  log_info(fmt::format("lossgazer {} serves {}", build.version,
                       urls(server, options.web.telemetry_path)));

  while (!StopSignals::asked_to_stop()) pipeline.poll(kPoll);
  pipeline.stop();
  log_info("stopped");
}

}  // namespace lossgazer
