#include "app/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "app/option_values.h"
#include "capture/interfaces.h"

namespace lossgazer {
namespace {

// `field` names a member of Options; `read` makes a value of a word.
template <typename Field>
Option of_field(Option option, Field field) {
  option.same = [field](const Options& a, const Options& b) { return field(a) == field(b); };
  option.copy = [field](Options& to, const Options& from) { field(to) = field(from); };
  return option;
}

template <typename Field, typename Read>
Option value(Option option, Field field, Read read) {
  option.set = [field, read](Options& options, const std::vector<std::string>& words) {
    field(options) = read(words.back());
  };
  return of_field(std::move(option), field);
}

// One word of a few.
template <typename T, typename Field>
Option choice(Option option, Field field, std::vector<std::pair<std::string, T>> choices) {
  for (const auto& [word, meaning] : choices) option.choices.push_back(word);
  return value(std::move(option), field, one_of(std::move(choices)));
}

template <typename Field>
Option flag(Option option, Field field) {
  option.fallback = "off";
  return value(std::move(option), field, yes_or_no);
}

template <typename Field, typename Read>
Option list(Option option, Field field, Read read) {
  option.repeatable = true;
  option.set = [field, read](Options& options, const std::vector<std::string>& words) {
    auto& values = field(options);
    values.clear();
    for (const std::string& word : words) values.push_back(read(word));
  };
  return of_field(std::move(option), field);
}

void refuse_none_among(const CaptureOptions& capture) {
  if (capture.interfaces.size() < 2 || captures(capture)) return;
  throw UsageError("`none` captures nothing; leave it out, or the others");
}

void declare_capture(std::vector<Option>& table) {
  Option interfaces = list(
      {.name = "capture.interface",
       .letter = 'i',
       .type = "NAME",
       .fallback = "the default route's",
       .help = "interface to sniff; `any` for all, /regex/ for a set that is followed, `none` for "
               "the kernel's counters alone",
       .taken_by = TakenBy::kSniffing,
       .names = Names::kInterface},
      [](auto& options) -> auto& { return options.capture.interfaces; }, interface_name);
  interfaces.set = [read = interfaces.set](Options& options,
                                           const std::vector<std::string>& words) {
    read(options, words);
    refuse_none_among(options.capture);
  };
  table.push_back(std::move(interfaces));
  table.push_back(value(
      {.name = "capture.snaplen",
       .letter = 's',
       .type = "N",
       .fallback = "64",
       .help = "bytes kept of an Ethernet/IPv4 packet; longer headers get the same view",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.capture.snaplen; },
      whole_number<uint32_t>(54, 65535)));
  table.push_back(value(
      {.name = "capture.buffer",
       .letter = 'B',
       .type = "SIZE",
       .fallback = "16MiB",
       .help = "kernel ring, per interface",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.capture.buffer_bytes; }, size_in_bytes));
  table.push_back(value(
      {.name = "capture.filter",
       .letter = 'f',
       .type = "EXPR",
       .fallback = "none",
       .help = "libpcap expression, added to lossgazer's own",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.capture.filter; }, filter_expression));
  table.push_back(flag(
      {.name = "capture.promiscuous",
       .letter = 'p',
       .help = "for mirror ports",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.capture.promiscuous; }));
  table.push_back(value(
      {.name = "capture.threads",
       .type = "N",
       .fallback = "1",
       .help = "threads that read each interface; the kernel shares flows out among them",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.capture.threads; },
      whole_number<uint64_t>(1, 64)));
  table.push_back(value(
      {.name = "capture.flow-sample",
       .type = "1/N",
       .fallback = "1/1",
       .help = "capture one flow in N alone, both directions; the kernel leaves out the others",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.capture.flow_sample; }, flow_sample));
}

void declare_analyzer(std::vector<Option>& table) {
  table.push_back(list(
      {.name = "local",
       .type = "CIDR",
       .fallback = "our own addresses, followed live",
       .help = "which side is us",
       .taken_by = TakenBy::kJudging,
       .report_fallback = "nobody: a row a directed pair"},
      [](auto& options) -> auto& { return options.analyzer.local; }, network));
  table.push_back(value(
      {.name = "analyzer.workers",
       .type = "N",
       .fallback = "cores - 1",
       .help = "threads that judge; each owns its flows",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.analyzer.workers; },
      whole_number<uint64_t>(1, 256)));
  table.push_back(value(
      {.name = "flows.max",
       .type = "N",
       .fallback = "1000000",
       .help = "flows tracked at most",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.analyzer.flows_max; },
      whole_number<uint64_t>(1, 100'000'000)));
  table.push_back(value(
      {.name = "flows.idle",
       .type = "DURATION",
       .fallback = "2m",
       .help = "idle time after which a flow is forgotten",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.analyzer.flows_idle; }, duration));
}

void refuse_twice(const std::vector<PeerGroup>& groups) {
  std::set<IpPrefix> networks;
  for (const PeerGroup& group : groups) {
    if (networks.insert(group.network).second) continue;
    throw UsageError(fmt::format("the network {} is in two groups", group.network.to_string()));
  }
}

void declare_peers(std::vector<Option>& table) {
  table.push_back(value(
      {.name = "peers.max",
       .type = "N",
       .fallback = "1000",
       .help = "peers counted apart; the rest is `other`",
       .taken_by = TakenBy::kJudging,
       .report_fallback = "no limit"},
      [](auto& options) -> auto& { return options.analyzer.peers_max; },
      whole_number<uint64_t>(1, 10'000'000)));
  table.push_back(value(
      {.name = "peers.ttl",
       .type = "DURATION",
       .fallback = "15m",
       .help = "idle time after which a peer's series end",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.analyzer.peers_ttl; }, duration));
  table.push_back(list(
      {.name = "peers.exclude",
       .type = "CIDR",
       .fallback = "loopback",
       .help = "peers not counted",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.analyzer.peers_exclude; }, network));
  Option group = list(
      {.name = "peers.group",
       .type = "CIDR=NAME",
       .fallback = "none",
       .help = "networks counted as one named peer; the longest prefix wins",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.analyzer.peer_groups; }, peer_group);
  group.set = [read = group.set](Options& options, const std::vector<std::string>& words) {
    read(options, words);
    refuse_twice(options.analyzer.peer_groups);
  };
  table.push_back(std::move(group));
  table.push_back(value(
      {.name = "peers.prefix-v4",
       .type = "N",
       .fallback = "32",
       .help = "otherwise, bits of an IPv4 address that make a peer",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.analyzer.prefix_v4; },
      whole_number<uint8_t>(0, 32)));
  table.push_back(value(
      {.name = "peers.prefix-v6",
       .type = "N",
       .fallback = "128",
       .help = "and of an IPv6 address",
       .taken_by = TakenBy::kJudging},
      [](auto& options) -> auto& { return options.analyzer.prefix_v6; },
      whole_number<uint8_t>(0, 128)));
  table.push_back(flag(
      {.name = "peers.names",
       .help = "look up peers' names by reverse DNS, for peer_info",
       .taken_by = TakenBy::kSniffing},
      [](auto& options) -> auto& { return options.analyzer.peer_names; }));
}

void declare_web(std::vector<Option>& table) {
  table.push_back(list(
      {.name = "web.listen-address",
       .type = "ADDR",
       .fallback = "127.0.0.1:10119",
       .help = "where to serve; [::]:PORT takes IPv4 too, unix:PATH a socket",
       .finds_server = true},
      [](auto& options) -> auto& { return options.web.listen; }, listen_address));
  table.push_back(value(
      {.name = "web.config.file",
       .type = "FILE",
       .fallback = "none",
       .help = "TLS and passwords, in the schema Prometheus exporters share",
       .finds_server = true,
       .names = Names::kFile},
      [](auto& options) -> auto& { return options.web.config_file; }, any_text));
  table.push_back(value(
      {.name = "web.telemetry-path",
       .type = "PATH",
       .fallback = "/metrics",
       .help = "where the metrics are"},
      [](auto& options) -> auto& { return options.web.telemetry_path; }, telemetry_path));
}

// Options of comma lists, which are read whole.
template <typename Field, typename Read>
Option comma_list(Option option, Field field, Read read) {
  option.repeatable = true;
  option.set = [field, read](Options& options, const std::vector<std::string>& words) {
    field(options) = read(split_at_commas(words));
  };
  return of_field(std::move(option), field);
}

std::tuple<bool, bool> labels(const std::vector<std::string>& words) {
  std::tuple<bool, bool> result{false, false};
  for (const std::string& word : words) {
    if (word != "local" && word != "port") throw UsageError("not a list of local, port");
    (word == "local" ? std::get<0>(result) : std::get<1>(result)) = true;
  }
  return result;
}

std::vector<std::string_view> counters(const std::vector<std::string>& words) {
  std::vector<std::string_view> keys;
  keys.reserve(words.size());
  for (const std::string& word : words) keys.push_back(peer_counter(word));
  return keys;
}

std::vector<Duration> rising_durations(const std::vector<std::string>& words) {
  constexpr size_t kMost = 16;
  std::vector<Duration> bounds;
  bounds.reserve(words.size());
  for (const std::string& word : words) bounds.push_back(duration(word));
  if (bounds.size() > kMost || !std::ranges::is_sorted(bounds, std::less_equal<>())) {
    throw UsageError(
        fmt::format("not durations that rise, such as 1ms,10ms,100ms; {} at most", kMost));
  }
  return bounds;
}

void declare_metrics(std::vector<Option>& table) {
  table.push_back(comma_list(
      {.name = "metrics.labels",
       .type = "LIST",
       .fallback = "none",
       .help = "more labels on peer counters: local, port",
       .taken_by = TakenBy::kSniffing,
       .choices = {"local", "port"}},
      [](auto& options) {
        return std::tie(options.metrics.labels_local, options.metrics.labels_port);
      },
      labels));
  table.push_back(comma_list(
      {.name = "metrics.disable",
       .type = "LIST",
       .fallback = "none",
       .help = "peer counters not to export, such as duplicate_acks",
       .choices = peer_counter_keys()},
      [](auto& options) -> auto& { return options.metrics.disabled; }, counters));
  table.push_back(comma_list(
      {.name = "metrics.rtt-buckets",
       .type = "LIST",
       .fallback = "none",
       .help = "make rtt_seconds a histogram with these bounds"},
      [](auto& options) -> auto& { return options.metrics.rtt_buckets; }, rising_durations));
}

void declare_geoip(std::vector<Option>& table) {
  table.push_back(value(
      {.name = "geoip.asn-db",
       .type = "FILE",
       .fallback = "none",
       .help = "MaxMind database for the networks in peer_info",
       .names = Names::kFile},
      [](auto& options) -> auto& { return options.geoip.asn_db; }, any_text));
  table.push_back(value(
      {.name = "geoip.country-db",
       .type = "FILE",
       .fallback = "none",
       .help = "and for the countries",
       .names = Names::kFile},
      [](auto& options) -> auto& { return options.geoip.country_db; }, any_text));
}

std::vector<VerdictKind> verdict_kinds(const std::vector<std::string>& words) {
  std::vector<VerdictKind> kinds;
  kinds.reserve(words.size());
  for (const std::string& word : words) kinds.push_back(verdict_kind(word));
  return kinds;
}

void declare_kernel(std::vector<Option>& table) {
  table.push_back(flag(
      {.name = "kernel.events",
       .help = "count the kernel's own retransmit events, by process; takes CAP_BPF, CAP_PERFMON"},
      [](auto& options) -> auto& { return options.kernel.events; }));
}

void declare_events(std::vector<Option>& table) {
  table.push_back(value(
      {.name = "events.to",
       .type = "DEST",
       .fallback = "none",
       .help = "stream events as JSON lines: to -, unix:PATH or tcp:HOST:PORT"},
      [](auto& options) -> auto& { return options.events.to; }, event_destination));
  table.push_back(flag(
      {.name = "events.ecs",
       .help = "name the fields of events by the Elastic Common Schema",
       .taken_by = TakenBy::kTelling},
      [](auto& options) -> auto& { return options.events.ecs; }));
  table.push_back(list(
      {.name = "events.peer",
       .type = "CIDR",
       .fallback = "all",
       .help = "only events of these peers",
       .taken_by = TakenBy::kTelling},
      [](auto& options) -> auto& { return options.events.peers; }, network));
  table.push_back(comma_list(
      {.name = "events.verdict",
       .type = "LIST",
       .fallback = "all",
       .help = "only events with these verdicts, or that revise them",
       .taken_by = TakenBy::kTelling,
       .choices = verdict_kind_names()},
      [](auto& options) -> auto& { return options.events.verdicts; }, verdict_kinds));
}

void declare_program(std::vector<Option>& table) {
  table.push_back(value(
      {.name = "config.file",
       .type = "FILE",
       .fallback = "none",
       .help = "YAML with any of these options; SIGHUP and POST /-/reload re-read it",
       .taken_by = TakenBy::kJudging,
       .finds_server = true,
       .names = Names::kFile},
      [](auto& options) -> auto& { return options.config_file; }, any_text));
  table.push_back(value(
      {.name = "user",
       .type = "NAME",
       .fallback = "none",
       .help = "as root: become this user, and keep only the capabilities it takes",
       .taken_by = TakenBy::kSniffing,
       .names = Names::kUser},
      [](auto& options) -> auto& { return options.user; }, any_text));
  table.push_back(choice<LogThreshold>({.name = "log.level",
                                        .type = "LEVEL",
                                        .fallback = "info",
                                        .help = "debug, info, warning or error"},
                                       [](auto& options) -> auto& { return options.log.level; },
                                       {{"debug", LogThreshold::kDebug},
                                        {"info", LogThreshold::kInfo},
                                        {"warning", LogThreshold::kWarning},
                                        {"error", LogThreshold::kError}}));
  table.push_back(choice<LogFormat>(
      {.name = "log.format", .type = "FORMAT", .fallback = "logfmt", .help = "logfmt or json"},
      [](auto& options) -> auto& { return options.log.format; },
      {{"logfmt", LogFormat::kLogfmt}, {"json", LogFormat::kJson}}));
  table.push_back(choice<ReportFormat>({.name = "format",
                                        .type = "FORMAT",
                                        .fallback = "table",
                                        .help = "table, json, csv, events or prometheus",
                                        .taken_by = TakenBy::kReport},
                                       [](auto& options) -> auto& { return options.report.format; },
                                       {{"table", ReportFormat::kTable},
                                        {"json", ReportFormat::kJson},
                                        {"csv", ReportFormat::kCsv},
                                        {"events", ReportFormat::kEvents},
                                        {"prometheus", ReportFormat::kPrometheus}}));
  table.push_back(value(
      {.name = "explain",
       .type = "FRAME",
       .fallback = "none",
       .help = "tell why the packet of that number got its verdict",
       .taken_by = TakenBy::kReport},
      [](auto& options) -> auto& { return options.report.explain; },
      [](const std::string& word) {
        return std::optional(whole_number<uint64_t>(1, (uint64_t{1} << 48) - 1)(word));
      }));
  table.push_back(value(
      {.name = "url",
       .type = "URL",
       .fallback = "none",
       .help = "show what a running lossgazer says: http://HOST:PORT or unix:PATH",
       .taken_by = TakenBy::kTop},
      [](auto& options) -> auto& { return options.top.exporter; },
      [](const std::string& word) { return std::optional(exporter_url(word)); }));
}

std::vector<Option> declare_all() {
  std::vector<Option> table;
  declare_capture(table);
  declare_analyzer(table);
  declare_peers(table);
  declare_web(table);
  declare_metrics(table);
  declare_geoip(table);
  declare_kernel(table);
  declare_events(table);
  declare_program(table);
  return table;
}

// How many letters must be put in, taken out or changed (Levenshtein).
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

bool Option::is_taken_by(Options::Command command) const {
  if (command == Options::Command::kCheckHealth) return finds_server;
  switch (taken_by) {
    case TakenBy::kLive:
      return command == Options::Command::kLive;
    case TakenBy::kSniffing:
      return command == Options::Command::kLive || command == Options::Command::kTop;
    case TakenBy::kTelling:
      return command == Options::Command::kLive || command == Options::Command::kReport;
    case TakenBy::kJudging:
      return true;
    case TakenBy::kReport:
      return command == Options::Command::kReport;
    case TakenBy::kTop:
      return command == Options::Command::kTop;
  }
  return false;
}

std::string Option::environment_name() const {
  std::string result = "LOSSGAZER_";
  for (const char c : name) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0;
    result += kept ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
  }
  return result;
}

std::span<const Option> option_table() {
  static const std::vector<Option> table = declare_all();
  return table;
}

const Option* find_option(std::string_view name) {
  const std::span<const Option> table = option_table();
  const auto found = std::ranges::find(table, name, &Option::name);
  return found == table.end() ? nullptr : &*found;
}

std::vector<const Option*> changed_options(const Options& a, const Options& b) {
  std::vector<const Option*> changed;
  for (const Option& option : option_table()) {
    if (!option.same(a, b)) changed.push_back(&option);
  }
  return changed;
}

std::string given_text(const Options& options, const Option& option) {
  const auto given = options.given.find(option.name);
  return given == options.given.end() ? option.fallback : given->second.text;
}

std::string nearest_option(std::string_view name) {
  std::string nearest;
  size_t best = name.size() / 3;  // what differs more was not meant
  for (const Option& option : option_table()) {
    // People leave out what an option belongs to, or take it for something else.
    const std::string_view last = std::string_view(option.name).substr(option.name.rfind('.') + 1);
    const size_t far = std::min(distance(name, option.name), 1 + distance(name, last));
    if (far > best || (far == best && !nearest.empty())) continue;
    best = far;
    nearest = option.name;
  }
  return nearest;
}

}  // namespace lossgazer
