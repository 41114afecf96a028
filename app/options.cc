#include "app/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "app/build_info.h"
#include "app/quantity.h"
#include "metrics/http_server.h"

namespace lossgazer {
namespace {

constexpr const char* kDescription =
    "Sniffs TCP headers and tells Prometheus, for every peer and in each direction, what the "
    "network\n"
    "lost, repeated, reordered or duplicated, and on which side of the capture point.\n"
    "\n"
    "  lossgazer [options] [FILTER...]       sniff and serve metrics; FILTER is a libpcap "
    "expression\n"
    "  lossgazer report [options] FILE...    judge capture files ('-' reads standard input) and "
    "exit";

constexpr const char* kFooter =
    "Every option may also stand in the environment: --capture.snaplen is "
    "LOSSGAZER_CAPTURE_SNAPLEN,\n"
    "lists with commas. The command line wins.\n"
    "Exit status: 0 success, 1 it failed at run time, 2 the command line is wrong.";

// "--capture.snaplen" is LOSSGAZER_CAPTURE_SNAPLEN.
std::string environment_name(const std::string& long_name) {
  std::string name = "LOSSGAZER_";
  for (const char c : long_name) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0;
    name += kept ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
  }
  return name;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t comma = 0; comma != std::string::npos; begin = comma + 1) {
    comma = text.find(',', begin);
    const std::string part = text.substr(begin, comma - begin);
    if (!part.empty()) parts.push_back(part);
    if (comma == std::string::npos) break;
  }
  return parts;
}

// Declares options on a CLI11 command, and sets those that the command line left out from the
// environment.
class OptionTable {
 public:
  explicit OptionTable(CLI::App& command) : command_(command) {}

  // `read` turns one word into a value, or says with a UsageError what is wrong with it.
  template <typename T>
  void value(const std::string& names, T& target, const std::string& type,
             const std::string& fallback, const std::string& help,
             std::function<T(const std::string&)> read) {
    add(names, type, fallback, help, false,
        [&target, read = std::move(read)](const std::vector<std::string>& words) {
          target = read(words.back());
        });
  }
  template <typename T>
  void list(const std::string& names, std::vector<T>& target, const std::string& type,
            const std::string& fallback, const std::string& help,
            std::function<T(const std::string&)> read) {
    add(names, type, fallback, help + "; repeatable", true,
        [&target, read = std::move(read)](const std::vector<std::string>& words) {
          target.clear();
          for (const std::string& word : words) target.push_back(read(word));
        });
  }
  void flag(const std::string& names, bool& target, const std::string& help) {
    CLI::Option* option = command_.add_flag(names, help);
    entries_.push_back({option, false, [&target](const std::vector<std::string>& words) {
                          target = words.back() == "true";
                          if (!target && words.back() != "false") {
                            throw UsageError("give true or false");
                          }
                        }});
  }

  // Reads what was given, once the command line was parsed.
  void apply() const {
    for (const Entry& entry : entries_) {
      std::string origin = entry.option->get_name();
      std::vector<std::string> words = entry.option->results();
      if (words.empty()) {
        origin = environment_name(entry.option->get_lnames().front());
        const char* text = std::getenv(origin.c_str());
        if (text == nullptr || *text == '\0') continue;
        words = entry.is_list ? split_at_commas(text) : std::vector<std::string>{text};
        if (words.empty()) continue;
      }
      try {
        entry.set(words);
      } catch (const UsageError& error) {
        throw UsageError(fmt::format("{} {}: {}", origin, fmt::join(words, " "), error.what()));
      }
    }
  }

 private:
  using Setter = std::function<void(const std::vector<std::string>&)>;
  struct Entry {
    CLI::Option* option;
    bool is_list;
    Setter set;
  };
  void add(const std::string& names, const std::string& type, const std::string& fallback,
           const std::string& help, bool is_list, Setter set) {
    // CLI11 only collects the words: what they mean is decided in one place for all origins.
    auto& words = *words_.emplace_back(std::make_unique<std::vector<std::string>>());
    CLI::Option* option = command_.add_option(names, words, fmt::format("{} [{}]", help, fallback));
    option->type_name(type)->expected(1)->allow_extra_args(false);
    option->multi_option_policy(is_list ? CLI::MultiOptionPolicy::TakeAll
                                        : CLI::MultiOptionPolicy::TakeLast);
    entries_.push_back({option, is_list, std::move(set)});
  }

  CLI::App& command_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<std::vector<std::string>>> words_;
};

std::string any_text(const std::string& word) { return word; }

IpPrefix network(const std::string& word) {
  const std::optional<IpPrefix> prefix = IpPrefix::parse(word);
  if (!prefix) throw UsageError("not an address or network such as 192.0.2.0/24");
  return *prefix;
}

Duration duration(const std::string& word) {
  const std::optional<Duration> parsed = parse_duration(word);
  if (!parsed) throw UsageError("not a duration such as 90s, 2m or 1h30m");
  return *parsed;
}

uint64_t size_in_bytes(const std::string& word) {
  const std::optional<uint64_t> parsed = parse_size(word);
  // libpcap takes the size as an int.
  if (!parsed || *parsed > INT32_MAX) throw UsageError("not a size such as 16MiB, below 2GiB");
  return *parsed;
}

ListenAddress listen_address(const std::string& word) {
  const std::optional<ListenAddress> parsed = ListenAddress::parse(word);
  if (!parsed) throw UsageError("not an address and port such as 127.0.0.1:10119 or [::]:10119");
  return *parsed;
}

std::string telemetry_path(const std::string& word) {
  if (!is_telemetry_path(word)) throw UsageError("not a path of its own such as /metrics");
  return word;
}

template <typename T>
std::function<T(const std::string&)> whole_number(uint64_t least, uint64_t most) {
  return [least, most](const std::string& word) {
    uint64_t number = 0;
    const char* end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || rest != end || number < least || number > most) {
      throw UsageError(fmt::format("not a whole number from {} to {}", least, most));
    }
    return static_cast<T>(number);
  };
}

template <typename T>
std::function<T(const std::string&)> one_of(std::vector<std::pair<std::string, T>> choices) {
  return [choices = std::move(choices)](const std::string& word) {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == word) return value;
      names += (names.empty() ? "" : ", ") + name;
    }
    throw UsageError("not one of " + names);
  };
}

void declare_capture(OptionTable& table, CaptureOptions& capture) {
  table.list<std::string>(
      "-i,--capture.interface", capture.interfaces, "NAME", "the default route's",
      "interface to sniff; `any` for all, /regex/ for a set that is followed", any_text);
  table.value<uint32_t>("-s,--capture.snaplen", capture.snaplen, "N", "64",
                        "bytes kept of an Ethernet/IPv4 packet; longer headers get the same view",
                        whole_number<uint32_t>(54, 65535));
  table.value<uint64_t>("-B,--capture.buffer", capture.buffer_bytes, "SIZE", "16MiB",
                        "kernel ring, per interface", size_in_bytes);
  table.flag("-p,--capture.promiscuous", capture.promiscuous, "for mirror ports");
}

void declare_filter(OptionTable& table, CaptureOptions& capture) {
  table.value<std::string>("-f,--capture.filter", capture.filter, "EXPR", "none",
                           "libpcap expression, added to lossgazer's own", any_text);
}

void declare_analyzer(OptionTable& table, AnalyzerOptions& analyzer, const std::string& local,
                      const std::string& peers_max) {
  table.list<IpPrefix>("--local", analyzer.local, "CIDR", local, "which side is us", network);
  table.value<uint64_t>("--flows.max", analyzer.flows_max, "N", "1000000", "flows tracked at most",
                        whole_number<uint64_t>(1, 100'000'000));
  table.value<Duration>("--flows.idle", analyzer.flows_idle, "DURATION", "2m",
                        "idle time after which a flow is forgotten", duration);
  table.value<uint64_t>("--peers.max", analyzer.peers_max, "N", peers_max,
                        "peers counted apart; the rest is `other`",
                        whole_number<uint64_t>(1, 10'000'000));
  table.list<IpPrefix>("--peers.exclude", analyzer.peers_exclude, "CIDR", "loopback",
                       "peers not counted", network);
}

void declare_live(OptionTable& table, Options& options) {
  table.value<uint64_t>("--analyzer.workers", options.analyzer.workers, "N", "cores - 1",
                        "threads that judge; each owns its flows", whole_number<uint64_t>(1, 256));
  table.value<Duration>("--peers.ttl", options.analyzer.peers_ttl, "DURATION", "15m",
                        "idle time after which a peer's series end", duration);
  table.list<ListenAddress>("--web.listen-address", options.web.listen, "ADDR", "127.0.0.1:10119",
                            "where to serve; [::]:PORT takes IPv4 too", listen_address);
  table.value<std::string>("--web.telemetry-path", options.web.telemetry_path, "PATH", "/metrics",
                           "where the metrics are", telemetry_path);
  table.value<LogThreshold>("--log.level", options.log.level, "LEVEL", "info",
                            "debug, info, warning or error",
                            one_of<LogThreshold>({{"debug", LogThreshold::kDebug},
                                                  {"info", LogThreshold::kInfo},
                                                  {"warning", LogThreshold::kWarning},
                                                  {"error", LogThreshold::kError}}));
  table.value<LogFormat>(
      "--log.format", options.log.format, "FORMAT", "logfmt", "logfmt or json",
      one_of<LogFormat>({{"logfmt", LogFormat::kLogfmt}, {"json", LogFormat::kJson}}));
}

// An expression for each of `-f` and the words after the options; both must hold.
std::string join_filters(const std::string& option, const std::vector<std::string>& words) {
  const std::string rest = fmt::format("{}", fmt::join(words, " "));
  if (option.empty() || rest.empty()) return option + rest;
  return fmt::format("({}) and ({})", option, rest);
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  options.analyzer.workers = std::max(1U, std::thread::hardware_concurrency()) - 1;
  options.analyzer.workers = std::max<uint64_t>(1, options.analyzer.workers);
  options.analyzer.peers_exclude = {*IpPrefix::parse("127.0.0.0/8"), *IpPrefix::parse("::1")};
  options.web.listen = {*ListenAddress::parse("127.0.0.1:10119")};

  CLI::App app(kDescription, "lossgazer");
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "print this and exit");
  const BuildInfo build = build_info();
  app.set_version_flag("--version", fmt::format("lossgazer {} ({}, {})", build.version,
                                                build.revision, build.compiler));
  app.get_formatter()->column_width(38);
  app.get_formatter()->label("REQUIRED", "");

  OptionTable live(app);
  declare_capture(live, options.capture);
  declare_filter(live, options.capture);
  declare_analyzer(live, options.analyzer, "our own addresses, followed live", "1000");
  declare_live(live, options);
  std::vector<std::string> filter_words;
  app.add_option("FILTER", filter_words, "libpcap expression, as --capture.filter")->type_name("");

  CLI::App* report = app.add_subcommand("report", "judge capture files and exit");
  report->set_help_flag("-h,--help", "print this and exit");
  report->footer(kFooter);
  report->get_formatter()->column_width(38);
  OptionTable offline(*report);
  declare_filter(offline, options.capture);
  declare_analyzer(offline, options.analyzer, "nobody: a row a directed pair", "no limit");
  offline.value<ReportFormat>("--format", options.report.format, "FORMAT", "table",
                              "table, json, csv, events or prometheus",
                              one_of<ReportFormat>({{"table", ReportFormat::kTable},
                                                    {"json", ReportFormat::kJson},
                                                    {"csv", ReportFormat::kCsv},
                                                    {"events", ReportFormat::kEvents},
                                                    {"prometheus", ReportFormat::kPrometheus}}));
  report->add_option("FILE", options.report.files, "pcap or pcapng; '-' reads standard input")
      ->type_name("")
      ->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    // --help or --version: CLI11 prints what it makes of them.
    std::ostringstream text;
    app.exit(success, text, text);
    options.command = Options::Command::kPrint;
    options.text = text.str();
    return options;
  } catch (const CLI::ParseError& error) {
    throw UsageError(fmt::format("{}; 'lossgazer --help' lists the options", error.what()));
  }

  if (report->parsed()) {
    options.command = Options::Command::kReport;
    options.analyzer.peers_max = options.analyzer.flows_max;
    offline.apply();
  } else {
    live.apply();
    options.capture.filter = join_filters(options.capture.filter, filter_words);
  }
  return options;
}

}  // namespace lossgazer
