#include "app/option_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/app/config_text.h"
#include "tests/app/environment.h"

namespace lossgazer {
namespace {

using test::ConfigText;
using test::Environment;
using testing::HasSubstr;
using testing::IsEmpty;

// A value for every option but config.file, other than its default.
const std::map<std::string, std::string> kSamples = {
    {"capture.interface", "eth0"},
    {"capture.snaplen", "96"},
    {"capture.buffer", "4MiB"},
    {"capture.filter", "tcp port 443"},
    {"capture.promiscuous", "true"},
    {"capture.threads", "4"},
    {"capture.flow-sample", "1/16"},
    {"local", "192.0.2.0/24"},
    {"analyzer.workers", "200"},
    {"flows.max", "5"},
    {"flows.idle", "30s"},
    {"peers.max", "7"},
    {"peers.ttl", "1h"},
    {"peers.exclude", "10.0.0.0/8"},
    {"peers.group", "10.0.0.0/8=inside"},
    {"peers.prefix-v4", "24"},
    {"peers.prefix-v6", "64"},
    {"peers.names", "true"},
    {"web.listen-address", "127.0.0.1:99"},
    {"web.config.file", "/etc/lossgazer/web.yml"},
    {"web.telemetry-path", "/m"},
    {"metrics.labels", "port"},
    {"metrics.disable", "duplicate_acks_total,resets"},
    {"metrics.rtt-buckets", "1ms,10ms"},
    {"geoip.asn-db", "/usr/share/asn.mmdb"},
    {"geoip.country-db", "/usr/share/country.mmdb"},
    {"kernel.events", "true"},
    {"events.to", "tcp:127.0.0.1:10120"},
    {"events.ecs", "true"},
    {"events.peer", "198.51.100.0/24"},
    {"events.verdict", "retransmission,reordered"},
    {"user", "nobody"},
    {"log.level", "debug"},
    {"log.format", "json"},
    {"explain", "17"},
    {"format", "json"},
    {"url", "http://192.0.2.1:99"},
};

Options parse(const Option& option, std::vector<std::string> words) {
  words.insert(words.begin(), "lossgazer");
  if (option.taken_by == TakenBy::kTop) {
    words.insert(words.begin() + 1, "top");
  } else if (!option.is_taken_by(Options::Command::kLive)) {
    words.insert(words.begin() + 1, {"report", "a.pcap"});
  }
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

TEST(OptionTable, EveryOptionIsReadFromEveryOrigin) {
  for (const Option& option : option_table()) {
    if (option.name == "config.file") continue;
    SCOPED_TRACE(option.name);
    ASSERT_TRUE(kSamples.contains(option.name));
    const std::string sample = kSamples.at(option.name);
    const Options by_default = parse(option, {});

    const Options on_line = parse(option, {fmt::format("--{}={}", option.name, sample)});
    EXPECT_FALSE(option.same(on_line, by_default));
    EXPECT_EQ(on_line.given.at(option.name).origin, "command line");
    {
      const Environment variable(option.environment_name(), sample);
      const Options in_environment = parse(option, {});
      EXPECT_TRUE(option.same(in_environment, on_line));
      EXPECT_EQ(in_environment.given.at(option.name).origin, "environment");
    }
    const ConfigText file(fmt::format("{}: '{}'\n", option.name, sample));
    const Options in_file = parse(option, {"--config.file", file.path()});
    EXPECT_TRUE(option.same(in_file, on_line));
    EXPECT_EQ(in_file.given.at(option.name).origin, file.path() + ":1");

    Options copied = by_default;
    option.copy(copied, on_line);
    EXPECT_TRUE(option.same(copied, on_line));
  }
}

TEST(OptionTable, NamesLettersAndVariablesAreNobodyElses) {
  std::set<std::string> names;
  std::set<std::string> variables;
  std::set<char> letters;
  for (const Option& option : option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(variables.insert(option.environment_name()).second) << option.name;
    EXPECT_TRUE(option.letter == 0 || letters.insert(option.letter).second) << option.name;
    EXPECT_EQ(find_option(option.name), &option);
  }
}

// Else a key in a file could be read both ways.
TEST(OptionTable, NoOptionsNameIsTheBeginningOfAnother) {
  for (const Option& option : option_table()) {
    for (const Option& other : option_table()) {
      EXPECT_FALSE(other.name.starts_with(option.name + ".")) << option.name << " " << other.name;
    }
  }
}

TEST(OptionTable, HelpNamesEveryOptionWithItsDefault) {
  std::vector<const char*> live = {"lossgazer", "--help"};
  std::vector<const char*> offline = {"lossgazer", "report", "--help"};
  const std::string live_help = parse_options(2, live.data()).text;
  const std::string offline_help = parse_options(3, offline.data()).text;
  std::vector<const char*> probe = {"lossgazer", "check-health", "--help"};
  const std::string probe_help = parse_options(3, probe.data()).text;
  std::vector<const char*> top = {"lossgazer", "top", "--help"};
  const std::string top_help = parse_options(3, top.data()).text;
  for (const Option& option : option_table()) {
    SCOPED_TRACE(option.name);
    const std::string shown = "--" + option.name + (option.is_flag() ? "" : " " + option.type);
    if (option.is_taken_by(Options::Command::kLive)) {
      EXPECT_THAT(live_help, HasSubstr(shown + " "));
      EXPECT_THAT(live_help, HasSubstr("[" + option.fallback + "]"));
    }
    if (option.is_taken_by(Options::Command::kReport)) {
      EXPECT_THAT(offline_help, HasSubstr(shown + " "));
    }
    EXPECT_EQ(top_help.find(shown + " ") != std::string::npos,
              option.is_taken_by(Options::Command::kTop));
    EXPECT_EQ(probe_help.find(shown + " ") != std::string::npos, option.finds_server);
  }
}

// The line of README's table that an option stands for.
std::string documented(const Option& option) {
  return fmt::format("| `{}--{}{}`{} | {} | {}{} |",
                     option.letter == 0 ? "" : fmt::format("-{}, ", option.letter), option.name,
                     option.is_flag() ? "" : " " + option.type, option.repeatable ? " …" : "",
                     option.fallback, option.help,
                     option.taken_by == TakenBy::kReport ? "; of `report` alone"
                     : option.taken_by == TakenBy::kTop  ? "; of `top` alone"
                                                         : "");
}

TEST(OptionTable, ReadmeHasALineForEachOptionAndNoOther) {
  std::ifstream readme(LOSSGAZER_README);
  ASSERT_TRUE(readme) << LOSSGAZER_README;
  std::vector<std::string> lines;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("| `--") || (line.starts_with("| `-") && line.substr(5, 4) == ", --")) {
      lines.push_back(line);
    }
  }
  std::vector<std::string> expected;
  for (const Option& option : option_table()) expected.push_back(documented(option));
  EXPECT_EQ(lines, expected);
}

TEST(OptionTable, NearestIsWhatWasMeant) {
  EXPECT_EQ(nearest_option("peers.mx"), "peers.max");
  EXPECT_EQ(nearest_option("capture.snap-len"), "capture.snaplen");
  EXPECT_EQ(nearest_option("snaplen"), "capture.snaplen");
  EXPECT_EQ(nearest_option("web.listen-adress"), "web.listen-address");
  EXPECT_THAT(nearest_option("wholly.else"), IsEmpty());
  EXPECT_THAT(nearest_option(""), IsEmpty());
}

}  // namespace
}  // namespace lossgazer
