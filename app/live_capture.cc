#include "app/live_capture.h"

#include <unistd.h>

#include <algorithm>

#include "app/log.h"
#include "app/random_secret.h"
#include "app/sandbox.h"

namespace lossgazer {

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
  config.live.threads = options.capture.threads;
  config.live.sample = options.capture.flow_sample;
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

size_t history_peers(size_t peers_max) { return std::min<size_t>(peers_max, 4'999) + 1; }

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  name.resize(name.find('\0'));
  return name;
}

}  // namespace lossgazer
