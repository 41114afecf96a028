// What the user asked for: the command line, then the environment, then the file, then the
// defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/flow_sample.h"
#include "analyzer/ip_address.h"
#include "analyzer/peer_policy.h"
#include "analyzer/units.h"
#include "analyzer/verdict.h"
#include "app/event_destination.h"
#include "app/event_format.h"
#include "metrics/http_get.h"
#include "metrics/listen_address.h"

namespace lossgazer {

enum class LogThreshold : uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : uint8_t { kLogfmt, kJson };
enum class ReportFormat : uint8_t { kTable, kJson, kCsv, kEvents, kPrometheus };

struct CaptureOptions {
  std::vector<std::string> interfaces;  // empty: the default route's
  uint32_t snaplen = 64;
  uint64_t buffer_bytes = uint64_t{16} << 20;
  std::string filter;  // libpcap expression, empty for none
  bool promiscuous = false;
  uint64_t threads = 1;  // per interface
  FlowSample flow_sample;
};

struct AnalyzerOptions {
  std::vector<IpPrefix> local;  // empty: the interfaces' own addresses, or nobody in a report
  uint64_t workers = 1;
  uint64_t flows_max = 1'000'000;
  Duration flows_idle = std::chrono::minutes(2);
  uint64_t peers_max = 1'000;
  Duration peers_ttl = std::chrono::minutes(15);
  std::vector<IpPrefix> peers_exclude;
  std::vector<PeerGroup> peer_groups;  // no network twice
  uint8_t prefix_v4 = 32;              // in bits: whom else to count together
  uint8_t prefix_v6 = 128;
  bool peer_names = false;  // by reverse DNS
};

struct WebOptions {
  std::vector<ListenAddress> listen;
  std::string config_file;  // of TLS and passwords; empty for none
  std::string telemetry_path = "/metrics";
};

struct MetricsOptions {
  bool labels_local = false;
  bool labels_port = false;
  std::vector<std::string_view> disabled;  // by peer_counter_key()
  std::vector<Duration> rtt_buckets;       // rising; empty for a summary
};

struct GeoIpOptions {
  std::string asn_db;  // files; empty for none
  std::string country_db;
};

struct EventOptions {
  std::optional<EventDestination> to;  // none: not streamed
  bool ecs = false;
  std::vector<IpPrefix> peers;        // none: all
  std::vector<VerdictKind> verdicts;  // none: all

  [[nodiscard]] EventNames names() const { return ecs ? EventNames::kEcs : EventNames::kOwn; }
};

struct LogOptions {
  LogThreshold level = LogThreshold::kInfo;
  LogFormat format = LogFormat::kLogfmt;
};

struct KernelOptions {
  bool events = false;  // its retransmit tracepoints
};

struct TopOptions {
  std::optional<HttpPlace> exporter;  // nothing: a capture of its own
};

struct ReportOptions {
  std::vector<std::string> files;
  ReportFormat format = ReportFormat::kTable;
  std::optional<uint64_t> explain{};  // the number of a packet: tells about that one instead
};

// What was given for an option.
struct Given {
  std::string text;    // in the words of whoever gave it, lists with commas
  std::string origin;  // "command line", "environment", or the place in the file
};

struct Options {
  enum class Command : uint8_t { kLive, kReport, kTop, kCheckHealth, kPrint };
  Command command = Command::kLive;
  std::string text;                    // kPrint: what --help, --version or check-config prints
  std::string config_file;             // empty for none
  std::string user;                    // whom to become as root; empty for nobody else
  std::map<std::string, Given> given;  // by the option's name; the rest has its default
  CaptureOptions capture;
  AnalyzerOptions analyzer;
  WebOptions web;
  MetricsOptions metrics;
  GeoIpOptions geoip;
  KernelOptions kernel;
  EventOptions events;
  LogOptions log;
  ReportOptions report;
  TopOptions top;
};

// The command line, the environment or the file is wrong; what() says how, a line for each fault.
class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[nodiscard]] Options default_options();
// Packets, rather than nothing: the kernel's counters alone.
[[nodiscard]] bool captures(const CaptureOptions& options);
// Whom the peers are, without further labels.
[[nodiscard]] PeerRules peer_rules(const Options& options);

// Reads all origins, the file too. Throws UsageError.
[[nodiscard]] Options parse_options(int argc, const char* const* argv);

}  // namespace lossgazer
