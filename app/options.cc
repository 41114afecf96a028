#include "app/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "app/build_info.h"
#include "app/config_file.h"
#include "app/option_table.h"
#include "app/option_values.h"
#include "capture/interfaces.h"

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
    "exit\n"
    "  lossgazer top [options]               peers and their losses in this terminal, live\n"
    "  lossgazer check-config FILE           say whether a configuration file is good, and exit\n"
    "  lossgazer check-health [options]      ask the one that runs here whether it is healthy, and "
    "exit";

constexpr const char* kFooter =
    "Every option may also stand in the environment: --capture.snaplen is "
    "LOSSGAZER_CAPTURE_SNAPLEN,\n"
    "lists with commas; and in the file of --config.file, nested at its dots.\n"
    "The command line wins over the environment, and that over the file.\n"
    "Exit status: 0 success, 1 it failed at run time, 2 the command line or configuration is "
    "wrong.";

constexpr std::string_view kCommandLine = "command line";
constexpr std::string_view kEnvironment = "environment";

// The words that the command line gave for each option of a command. CLI11 only collects them: what
// they mean is decided in one place for all origins.
class CommandLine {
 public:
  CommandLine(CLI::App& command, Options::Command which) {
    command.set_help_flag("-h,--help", "print this and exit");
    command.footer(kFooter);
    command.get_formatter()->column_width(38);
    for (const Option& option : option_table()) {
      if (option.is_taken_by(which)) declare(command, option, which);
    }
  }

  [[nodiscard]] std::vector<std::string> words(const Option& option) const {
    return declared_.at(&option)->results();
  }

 private:
  void declare(CLI::App& command, const Option& option, Options::Command which) {
    const std::string names = option.letter == 0
                                  ? "--" + option.name
                                  : fmt::format("-{},--{}", option.letter, option.name);
    const bool in_report = which == Options::Command::kReport && !option.report_fallback.empty();
    const std::string help =
        fmt::format("{}{} [{}]", option.help, option.repeatable ? "; repeatable" : "",
                    in_report ? option.report_fallback : option.fallback);
    if (option.is_flag()) {
      declared_[&option] = command.add_flag(names, help);
      return;
    }
    CLI::Option* declared = command.add_option(names, sink_, help);
    declared->type_name(option.type)->expected(1)->allow_extra_args(false);
    declared->multi_option_policy(option.repeatable ? CLI::MultiOptionPolicy::TakeAll
                                                    : CLI::MultiOptionPolicy::TakeLast);
    declared_[&option] = declared;
  }

  std::vector<std::string> sink_;  // CLI11 wants a variable for each option; results() has it all
  std::map<const Option*, const CLI::Option*> declared_;
};

// What an origin gave for an option, and how a fault in it is announced.
struct Found {
  std::vector<std::string> words;
  std::string origin;
  std::string name;
};

std::optional<Found> in_environment(const Option& option) {
  const std::string name = option.environment_name();
  const char* text = std::getenv(name.c_str());
  if (text == nullptr || *text == '\0') return std::nullopt;
  std::vector<std::string> words = {text};
  if (option.repeatable) words = split_at_commas(words);
  if (words.empty()) return std::nullopt;
  return Found{std::move(words), std::string(kEnvironment), name};
}

std::optional<Found> on_command_line(const CommandLine& line, const Option& option) {
  auto words = line.words(option);
  if (words.empty()) return std::nullopt;
  return Found{std::move(words), std::string(kCommandLine), "--" + option.name};
}

// Puts together what all origins say of each option.
class Resolver {
 public:
  Resolver(const CommandLine& line, Options& options) : line_(line), options_(options) {}

  void resolve() {
    const Option& file = *find_option("config.file");
    resolve(file);
    if (!options_.config_file.empty()) read_file();
    for (const Option& option : option_table()) {
      if (&option != &file && option.is_taken_by(options_.command)) resolve(option);
    }
    if (!faults_.empty()) throw UsageError(fmt::format("{}", fmt::join(faults_, "\n")));
  }

 private:
  void read_file() {
    try {
      for (FileSetting& setting : read_config_file(options_.config_file)) {
        const std::string name = fmt::format("{}: {}", setting.place, setting.option->name);
        in_file_[setting.option] = {std::move(setting.words), std::move(setting.place), name};
      }
    } catch (const UsageError& error) {
      faults_.emplace_back(error.what());
    }
  }

  [[nodiscard]] std::optional<Found> find(const Option& option) const {
    if (auto found = on_command_line(line_, option)) return found;
    if (auto found = in_environment(option)) return found;
    const auto found = in_file_.find(&option);
    return found == in_file_.end() ? std::nullopt : std::optional(found->second);
  }

  void resolve(const Option& option) {
    const std::optional<Found> found = find(option);
    if (!found) return;
    try {
      option.set(options_, found->words);
      options_.given[option.name] = {fmt::format("{}", fmt::join(found->words, ",")),
                                     found->origin};
    } catch (const UsageError& error) {
      faults_.push_back(
          fmt::format("{} {}: {}", found->name, fmt::join(found->words, " "), error.what()));
    }
  }

  const CommandLine& line_;
  Options& options_;
  std::map<const Option*, Found> in_file_;
  std::vector<std::string> faults_;
};

// An expression for each of `-f` and the words after the options; both must hold.
void add_filter_words(Options& options, const std::vector<std::string>& words) {
  if (words.empty()) return;
  const std::string rest = fmt::format("{}", fmt::join(words, " "));
  std::string& filter = options.capture.filter;
  filter = filter.empty() ? rest : fmt::format("({}) and ({})", filter, rest);
  try {
    (void)filter_expression(filter);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("filter {}: {}", filter, error.what()));
  }
  options.given["capture.filter"] = {filter, std::string(kCommandLine)};
}

// What was asked of a capture that there will not be. Other origins speak to all commands.
void refuse_missing_capture(const Options& options) {
  if (!options.top.exporter) {
    if (captures(options.capture)) return;
    throw UsageError("--capture.interface none: top shows peers, and nothing would be captured");
  }
  for (const auto& [name, given] : options.given) {
    if (given.origin != kCommandLine || name == "url" || name == "config.file") continue;
    throw UsageError(fmt::format(
        "--{}: with --url, it is the exporter that captures: give one or the other", name));
  }
}

void refuse_what_is_not_explained(const Options& options) {
  if (!options.report.explain) return;
  const std::vector<std::string>& files = options.report.files;
  if (files.size() != 1 || files.front() == "-") {
    throw UsageError("--explain: takes one file, which it reads twice: not standard input");
  }
  if (options.given.contains("format")) {
    throw UsageError("--explain: prints sentences, and takes no --format");
  }
}

// Who calls by the name lossgazer-report means `report`: `tcpdump -z` gives a program a file, and
// no more.
std::vector<const char*> with_command(int argc, const char* const* argv) {
  std::vector<const char*> words(argv, argv + argc);
  const std::string_view name = words.empty() ? "" : words.front();
  if (name.substr(name.rfind('/') + 1) == "lossgazer-report") {
    words.insert(words.begin() + 1, "report");
  }
  return words;
}

std::string hint_at_option(const CLI::App& app) {
  for (const std::string& word : app.remaining(true)) {
    if (!word.starts_with("--")) continue;
    const std::string name = word.substr(2, word.find('=') - 2);
    const std::string nearest = nearest_option(name);
    if (nearest == name) return ", which is an option of another command";
    if (!nearest.empty()) return fmt::format("; is it --{}?", nearest);
  }
  return "; 'lossgazer --help' lists the options";
}

}  // namespace

Options default_options() {
  Options options;
  options.analyzer.workers = std::max(1U, std::thread::hardware_concurrency()) - 1;
  options.analyzer.workers = std::max<uint64_t>(1, options.analyzer.workers);
  options.analyzer.peers_exclude = {*IpPrefix::parse("127.0.0.0/8"), *IpPrefix::parse("::1")};
  options.web.listen = {*ListenAddress::parse("127.0.0.1:10119")};
  return options;
}

bool captures(const CaptureOptions& options) {
  return std::ranges::find(options.interfaces, kNoInterface) == options.interfaces.end();
}

PeerRules peer_rules(const Options& options) {
  return {.excluded = options.analyzer.peers_exclude,
          .groups = options.analyzer.peer_groups,
          .prefix_v4 = options.analyzer.prefix_v4,
          .prefix_v6 = options.analyzer.prefix_v6};
}

Options parse_options(int argc, const char* const* argv) {
  Options options = default_options();
  const std::vector<const char*> words = with_command(argc, argv);

  CLI::App app(kDescription, "lossgazer");
  const BuildInfo build = build_info();
  const std::string version =
      fmt::format("lossgazer {} ({}, {})", build.version, build.revision, build.compiler);
  app.set_version_flag("--version", version);
  app.get_formatter()->label("REQUIRED", "");
  const CommandLine live(app, Options::Command::kLive);
  std::vector<std::string> filter_words;
  app.add_option("FILTER", filter_words, "libpcap expression, as --capture.filter")->type_name("");

  CLI::App* report = app.add_subcommand("report", "judge capture files and exit");
  report->set_version_flag("--version", version);
  const CommandLine offline(*report, Options::Command::kReport);
  report->add_option("FILE", options.report.files, "pcap or pcapng; '-' reads standard input")
      ->type_name("")
      ->required();

  CLI::App* top = app.add_subcommand("top", "show peers and their losses in this terminal, live");
  top->set_version_flag("--version", version);
  const CommandLine table(*top, Options::Command::kTop);

  CLI::App* check =
      app.add_subcommand("check-config", "say whether a configuration file is good, and exit");
  check->set_help_flag("-h,--help", "print this and exit");
  std::string checked_file;
  check->add_option("FILE", checked_file, "what --config.file would name")
      ->type_name("")
      ->required();

  CLI::App* health = app.add_subcommand(
      "check-health", "ask the one that runs here whether it is healthy, and exit");
  const CommandLine probe(*health, Options::Command::kCheckHealth);

  try {
    app.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::Success& success) {
    // --help or --version: CLI11 prints what it makes of them.
    std::ostringstream text;
    app.exit(success, text, text);
    options.command = Options::Command::kPrint;
    options.text = text.str();
    return options;
  } catch (const CLI::ExtrasError& error) {
    throw UsageError(error.what() + hint_at_option(app));
  } catch (const CLI::ParseError& error) {
    throw UsageError(fmt::format("{}; 'lossgazer --help' lists the options", error.what()));
  }

  if (check->parsed()) {
    options.command = Options::Command::kPrint;
    options.text = check_config_file(checked_file);
  } else if (report->parsed()) {
    options.command = Options::Command::kReport;
    options.analyzer.peers_max = options.analyzer.flows_max;
    Resolver(offline, options).resolve();
    refuse_what_is_not_explained(options);
  } else if (top->parsed()) {
    options.command = Options::Command::kTop;
    Resolver(table, options).resolve();
    refuse_missing_capture(options);
  } else if (health->parsed()) {
    options.command = Options::Command::kCheckHealth;
    Resolver(probe, options).resolve();
  } else {
    Resolver(live, options).resolve();
    add_filter_words(options, filter_words);
  }
  return options;
}

}  // namespace lossgazer
