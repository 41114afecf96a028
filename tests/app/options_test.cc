#include "app/options.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace lossgazer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

Options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "lossgazer");
  return parse_options(static_cast<int>(words.size()), words.data());
}

std::string error_of(const std::vector<const char*>& words) {
  try {
    parse(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

// Sets an environment variable for one test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

TEST(Options, DefaultsAreTheContracts) {
  const Options options = parse({});
  EXPECT_EQ(options.command, Options::Command::kLive);
  EXPECT_THAT(options.capture.interfaces, IsEmpty());
  EXPECT_EQ(options.capture.snaplen, 64u);
  EXPECT_EQ(options.capture.buffer_bytes, 16u << 20);
  EXPECT_FALSE(options.capture.promiscuous);
  EXPECT_EQ(options.analyzer.flows_max, 1'000'000u);
  EXPECT_EQ(options.analyzer.flows_idle, 2min);
  EXPECT_EQ(options.analyzer.peers_max, 1'000u);
  EXPECT_EQ(options.analyzer.peers_ttl, 15min);
  EXPECT_GE(options.analyzer.workers, 1u);
  EXPECT_THAT(options.analyzer.peers_exclude, SizeIs(2));
  ASSERT_THAT(options.web.listen, SizeIs(1));
  EXPECT_EQ(options.web.listen[0].to_string(), "127.0.0.1:10119");
  EXPECT_EQ(options.web.telemetry_path, "/metrics");
}

TEST(Options, EveryOneCanBeGiven) {
  const Options options = parse({"-i",
                                 "eth0",
                                 "-i",
                                 "/eth[1,2]/",
                                 "-s",
                                 "128",
                                 "-B",
                                 "4MiB",
                                 "-p",
                                 "--local",
                                 "192.0.2.0/24",
                                 "--local",
                                 "2001:db8::1",
                                 "--analyzer.workers",
                                 "3",
                                 "--flows.max",
                                 "5",
                                 "--flows.idle",
                                 "30s",
                                 "--peers.max",
                                 "7",
                                 "--peers.ttl",
                                 "1h",
                                 "--peers.exclude",
                                 "10.0.0.0/8",
                                 "--web.listen-address",
                                 "[::]:99",
                                 "--web.telemetry-path",
                                 "/m",
                                 "--log.level",
                                 "debug",
                                 "--log.format",
                                 "json"});
  EXPECT_THAT(options.capture.interfaces, ElementsAre("eth0", "/eth[1,2]/"));
  EXPECT_EQ(options.capture.snaplen, 128u);
  EXPECT_EQ(options.capture.buffer_bytes, 4u << 20);
  EXPECT_TRUE(options.capture.promiscuous);
  EXPECT_THAT(options.analyzer.local, SizeIs(2));
  EXPECT_EQ(options.analyzer.workers, 3u);
  EXPECT_EQ(options.analyzer.flows_max, 5u);
  EXPECT_EQ(options.analyzer.flows_idle, 30s);
  EXPECT_EQ(options.analyzer.peers_max, 7u);
  EXPECT_EQ(options.analyzer.peers_ttl, 1h);
  EXPECT_THAT(options.analyzer.peers_exclude, SizeIs(1));
  EXPECT_EQ(options.web.listen[0].to_string(), "[::]:99");
  EXPECT_EQ(options.web.telemetry_path, "/m");
  EXPECT_EQ(options.log.level, LogThreshold::kDebug);
  EXPECT_EQ(options.log.format, LogFormat::kJson);
}

TEST(Options, FilterWordsAreJoinedAndAddedToTheOption) {
  EXPECT_EQ(parse({"tcp", "port", "443"}).capture.filter, "tcp port 443");
  EXPECT_EQ(parse({"-f", "net 192.0.2.0/24"}).capture.filter, "net 192.0.2.0/24");
  EXPECT_EQ(parse({"-f", "host a or host b", "port", "443"}).capture.filter,
            "(host a or host b) and (port 443)");
}

TEST(Options, EnvironmentIsBelowTheCommandLine) {
  const Environment snaplen("LOSSGAZER_CAPTURE_SNAPLEN", "96");
  const Environment local("LOSSGAZER_LOCAL", "192.0.2.1,198.51.100.0/24");
  const Environment promiscuous("LOSSGAZER_CAPTURE_PROMISCUOUS", "true");
  EXPECT_EQ(parse({}).capture.snaplen, 96u);
  EXPECT_THAT(parse({}).analyzer.local, SizeIs(2));
  EXPECT_TRUE(parse({}).capture.promiscuous);
  EXPECT_EQ(parse({"-s", "80"}).capture.snaplen, 80u);
}

// Kubernetes injects variables like this one into every pod of a service named lossgazer.
TEST(Options, UnknownEnvironmentVariablesAreIgnored) {
  const Environment port("LOSSGAZER_PORT", "tcp://10.0.0.1:10119");
  EXPECT_EQ(parse({}).command, Options::Command::kLive);
}

TEST(Options, ErrorsNameTheOptionTheValueAndWhatWouldDo) {
  EXPECT_EQ(error_of({"--local", "example"}),
            "--local example: not an address or network such as 192.0.2.0/24");
  EXPECT_EQ(error_of({"--flows.idle", "5"}),
            "--flows.idle 5: not a duration such as 90s, 2m or 1h30m");
  EXPECT_EQ(error_of({"-s", "10"}), "--capture.snaplen 10: not a whole number from 54 to 65535");
  EXPECT_EQ(error_of({"--log.level", "loud"}),
            "--log.level loud: not one of debug, info, warning, error");
  EXPECT_THAT(error_of({"--nonesuch"}), HasSubstr("--nonesuch"));
  EXPECT_THAT(error_of({"report"}), HasSubstr("FILE"));
  const Environment bad("LOSSGAZER_PEERS_MAX", "many");
  EXPECT_EQ(error_of({}), "LOSSGAZER_PEERS_MAX many: not a whole number from 1 to 10000000");
}

TEST(Options, ReportTakesFilesAndAFormat) {
  const Options options = parse({"report", "--format", "json", "a.pcap", "-"});
  EXPECT_EQ(options.command, Options::Command::kReport);
  EXPECT_THAT(options.report.files, ElementsAre("a.pcap", "-"));
  EXPECT_EQ(options.report.format, ReportFormat::kJson);
  EXPECT_GT(options.analyzer.peers_max, 1000u) << "a report leaves nobody out";
}

TEST(Options, HelpNamesEveryOption) {
  const Options options = parse({"--help"});
  EXPECT_EQ(options.command, Options::Command::kPrint);
  for (const char* option :
       {"--capture.interface", "--capture.snaplen", "--capture.buffer", "--capture.filter",
        "--capture.promiscuous", "--local", "--analyzer.workers", "--flows.max", "--flows.idle",
        "--peers.max", "--peers.ttl", "--peers.exclude", "--web.listen-address",
        "--web.telemetry-path", "--log.level", "--log.format", "report"}) {
    EXPECT_THAT(options.text, HasSubstr(option));
  }
  EXPECT_THAT(parse({"--version"}).text, HasSubstr("lossgazer"));
}

}  // namespace
}  // namespace lossgazer
