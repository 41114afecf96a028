#include "app/options.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/app/config_text.h"
#include "tests/app/environment.h"

namespace lossgazer {
namespace {

using test::ConfigText;
using test::Environment;
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

TEST(Options, NoInterfaceIsNoneBesideOthers) {
  EXPECT_THAT(parse({"-i", "none"}).capture.interfaces, ElementsAre("none"));
  for (const auto& words : std::vector<std::vector<const char*>>{{"-i", "none", "-i", "eth0"},
                                                                 {"-i", "any", "-i", "none"},
                                                                 {"-i", "none", "-i", "none"}}) {
    EXPECT_THAT(error_of(words), HasSubstr("--capture.interface " + std::string(words[1]) + " " +
                                           words[3] + ": `none` captures nothing"));
  }
  const Environment both("LOSSGAZER_CAPTURE_INTERFACE", "eth0,none");
  EXPECT_THAT(error_of({}), HasSubstr("`none` captures nothing"));
}

TEST(Options, OnePacketOfOneFileIsExplained) {
  EXPECT_EQ(parse({"report", "--explain", "17", "a.pcap"}).report.explain, 17U);
  EXPECT_EQ(parse({"report", "a.pcap"}).report.explain, std::nullopt);
  for (const char* file : {"-", "b.pcap"}) {
    EXPECT_THAT(error_of({"report", "--explain", "17", file, file}), HasSubstr("takes one file"));
  }
  EXPECT_THAT(error_of({"report", "--explain", "17", "-"}), HasSubstr("not standard input"));
  EXPECT_THAT(error_of({"report", "--explain", "17", "--format", "csv", "a.pcap"}),
              HasSubstr("takes no --format"));
  EXPECT_THAT(error_of({"report", "--explain", "0", "a.pcap"}), HasSubstr("not a whole number"));
}

TEST(Options, TopIsOfItsOwnCaptureOrOfAnExporter) {
  const auto exporter = [](const char* url) { return parse({"top", "--url", url}).top.exporter; };
  EXPECT_EQ(parse({"top", "-i", "eth0"}).command, Options::Command::kTop);
  EXPECT_EQ(parse({"top"}).top.exporter, std::nullopt);
  EXPECT_EQ(exporter("http://192.0.2.1:99"), (HttpPlace{.host = "192.0.2.1", .port = 99}));
  EXPECT_EQ(exporter("http://a.example/"), (HttpPlace{.host = "a.example", .port = 10119}));
  EXPECT_EQ(exporter("http://[::1]:99/"), (HttpPlace{.host = "::1", .port = 99}));
  EXPECT_EQ(exporter("http://[::1]"), (HttpPlace{.host = "::1", .port = 10119}));
  EXPECT_EQ(exporter("unix:/run/lossgazer.sock"), (HttpPlace{.socket = "/run/lossgazer.sock"}));
  EXPECT_THAT(error_of({"top", "--url", "https://a.example"}), HasSubstr("TLS is not supported"));
  EXPECT_THAT(error_of({"top", "--url", "http://a:b@c"}), HasSubstr("passwords are not supported"));
  for (const char* url :
       {"", "a.example", "127.0.0.1:99", "http://", "http://[::1", "http://[::1]9", "http://a:0",
        "http://a:99999", "http://a:9/metrics", "unix:"}) {
    EXPECT_THAT(error_of({"top", "--url", url}), HasSubstr("not a URL such as")) << url;
  }
  EXPECT_THAT(error_of({"top", "--url", "http://a", "-i", "eth0"}),
              HasSubstr("--capture.interface: with --url, it is the exporter that captures"));
  EXPECT_THAT(error_of({"top", "-i", "none"}), HasSubstr("nothing would be captured"));
  const Environment variable("LOSSGAZER_CAPTURE_INTERFACE", "eth0");
  EXPECT_NE(exporter("http://a"), std::nullopt);
}

// As `tcpdump -z lossgazer-report` calls it.
TEST(Options, NamedReportItIsReport) {
  for (const char* name : {"lossgazer-report", "/usr/bin/lossgazer-report"}) {
    const std::vector<const char*> words = {name, "a.pcap"};
    const Options options = parse_options(2, words.data());
    EXPECT_EQ(options.command, Options::Command::kReport);
    EXPECT_THAT(options.report.files, ElementsAre("a.pcap"));
    EXPECT_EQ(options.report.format, ReportFormat::kTable);

    const std::vector<const char*> version = {name, "--version"};
    EXPECT_THAT(parse_options(2, version.data()).text, HasSubstr("lossgazer "));
  }
  const std::vector<const char*> other = {"/opt/lossgazer-report/lossgazer"};
  EXPECT_EQ(parse_options(1, other.data()).command, Options::Command::kLive);
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

TEST(Options, CommandLineIsOverEnvironmentOverFileOverDefault) {
  const ConfigText file("capture: {snaplen: 70}\nlocal: [192.0.2.1]\npeers.max: 9\n");
  const Environment config("LOSSGAZER_CONFIG_FILE", file.path());
  EXPECT_EQ(parse({}).capture.snaplen, 70u);
  EXPECT_EQ(parse({}).analyzer.peers_max, 9u);
  EXPECT_THAT(parse({}).analyzer.local, SizeIs(1));
  const Environment snaplen("LOSSGAZER_CAPTURE_SNAPLEN", "96");
  const Environment local("LOSSGAZER_LOCAL", "192.0.2.1,198.51.100.0/24");
  EXPECT_EQ(parse({}).capture.snaplen, 96u);
  EXPECT_THAT(parse({}).analyzer.local, SizeIs(2)) << "a list is replaced, not added to";
  EXPECT_EQ(parse({"-s", "80"}).capture.snaplen, 80u);
  EXPECT_EQ(parse({"-s", "80"}).analyzer.peers_max, 9u);

  const ConfigText other("peers.max: 8\n");
  EXPECT_EQ(parse({"--config.file", other.path().c_str()}).analyzer.peers_max, 8u)
      << "the file named on the command line, in place of the environment's";
}

TEST(Options, WhereEachValueCameFromIsKnown) {
  const ConfigText file("\npeers.max: 9\n");
  const Environment ttl("LOSSGAZER_PEERS_TTL", "5m");
  const Options options =
      parse({"--config.file", file.path().c_str(), "-i", "eth0", "-i", "eth1", "port", "443"});
  EXPECT_EQ(options.given.at("peers.max").origin, file.path() + ":2");
  EXPECT_EQ(options.given.at("peers.max").text, "9");
  EXPECT_EQ(options.given.at("peers.ttl").origin, "environment");
  EXPECT_EQ(options.given.at("capture.interface").text, "eth0,eth1");
  EXPECT_EQ(options.given.at("capture.filter").text, "port 443");
  EXPECT_FALSE(options.given.contains("flows.max"));
}

TEST(Options, FaultsOfAllOriginsAreToldAtOnce) {
  const ConfigText file("peers: {mx: 9}\n");
  const Environment bad("LOSSGAZER_PEERS_TTL", "5");
  EXPECT_EQ(error_of({"--config.file", file.path().c_str(), "--flows.max", "0"}),
            file.path() +
                ":1: peers.mx: no such option; is it peers.max?\n"
                "--flows.max 0: not a whole number from 1 to 100000000\n"
                "LOSSGAZER_PEERS_TTL 5: not a duration such as 90s, 2m or 1h30m");
}

TEST(Options, AFileMayHoldWhatOnlyTheOtherCommandTakes) {
  const ConfigText file("capture.interface: eth0\npeers.max: 3\nformat: json\n");
  const Options report = parse({"report", "--config.file", file.path().c_str(), "a.pcap"});
  EXPECT_EQ(report.analyzer.peers_max, 3u);
  EXPECT_EQ(report.report.format, ReportFormat::kJson);
  EXPECT_THAT(report.capture.interfaces, IsEmpty());
  EXPECT_THAT(parse({"--config.file", file.path().c_str()}).capture.interfaces,
              ElementsAre("eth0"));
}

TEST(Options, CheckConfigSaysGoodOrWhatIsWrong) {
  const ConfigText file("peers.max: 9\n");
  const Options good = parse({"check-config", file.path().c_str()});
  EXPECT_EQ(good.command, Options::Command::kPrint);
  EXPECT_EQ(good.text, file.path() + ": good\n  peers.max = 9 (default: 1000)\n");
  file.write("peers.max: -9\n");
  EXPECT_THAT(error_of({"check-config", file.path().c_str()}), HasSubstr(":1: peers.max -9: not"));
  EXPECT_THAT(error_of({"check-config"}), HasSubstr("FILE"));
}

TEST(Options, AFilterThatIsNoneIsFoundBeforeAnythingOpens) {
  EXPECT_THAT(error_of({"tcp", "porth", "443"}), HasSubstr("filter tcp porth 443: "));
  EXPECT_THAT(error_of({"-f", "tcp porth 443"}), HasSubstr("--capture.filter tcp porth 443: "));
  EXPECT_EQ(parse({"inbound"}).capture.filter, "inbound") << "good on some interfaces";
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
  EXPECT_THAT(error_of({"--peers.mx", "5"}), HasSubstr("--peers.mx; is it --peers.max?"));
  EXPECT_THAT(error_of({"check-config", "--flows.max", "5"}),
              HasSubstr("--flows.max, which is an option of another command"));
  EXPECT_EQ(error_of({"--capture.promiscuous=maybe"}),
            "--capture.promiscuous maybe: give true or false");
  EXPECT_THAT(error_of({"report"}), HasSubstr("FILE"));
  const Environment bad("LOSSGAZER_PEERS_MAX", "many");
  EXPECT_EQ(error_of({}), "LOSSGAZER_PEERS_MAX many: not a whole number from 1 to 10000000");
}

TEST(Options, AShareOfFlowsIsOneInSoMany) {
  const auto one_in = [](const char* word) {
    return parse({"--capture.flow-sample", word}).capture.flow_sample.one_in;
  };
  EXPECT_EQ(one_in("1/1"), 1U);
  EXPECT_EQ(one_in("1/65536"), 65'536U);
  for (const char* bad : {"", "16", "1/", "1/0", "1/65537", "2/3", "1/-1", "1/4x", " 1/4"}) {
    EXPECT_THAT(error_of({"--capture.flow-sample", bad}),
                HasSubstr("not a share such as 1/16, from 1/1 to 1/65536"));
  }
  EXPECT_THAT(error_of({"--capture.threads", "0"}), HasSubstr("not a whole number from 1 to 64"));
}

TEST(Options, GroupsAreNetworksWithNames) {
  const auto two =
      parse({"--peers.group", "192.0.2.0/24=back ends", "--peers.group", "2001:db8::/32=back ends"})
          .analyzer.peer_groups;
  EXPECT_THAT(two, ElementsAre(PeerGroup{*IpPrefix::parse("192.0.2.0/24"), "back ends"},
                               PeerGroup{*IpPrefix::parse("2001:db8::/32"), "back ends"}));
  const ConfigText file("peers.group: {192.0.2.0/24: back ends, '2001:db8::/32': back ends}\n");
  EXPECT_EQ(parse({"--config.file", file.path().c_str()}).analyzer.peer_groups, two);
  file.write("peers: {group: [192.0.2.0/24=back ends, '2001:db8::/32=back ends']}\n");
  EXPECT_EQ(parse({"--config.file", file.path().c_str()}).analyzer.peer_groups, two);

  const auto fault = [](const char* word) { return error_of({"--peers.group", word}); };
  EXPECT_EQ(fault("192.0.2.0/24"),
            "--peers.group 192.0.2.0/24: not a network and a name such as 192.0.2.0/24=backends");
  EXPECT_EQ(fault("a=b"),
            "--peers.group a=b: not a network and a name such as 192.0.2.0/24=backends");
  for (const char* word : {"192.0.2.0/24=", "192.0.2.0/24=other", "192.0.2.0/24=192.0.2.1"}) {
    EXPECT_THAT(fault(word), HasSubstr("is no name for a group")) << word;
  }
  EXPECT_THAT(error_of({"--peers.group", "192.0.2.0/24=a", "--peers.group", "192.0.2.9/24=b"}),
              HasSubstr("the network 192.0.2.0/24 is in two groups"));
}

TEST(Options, ListsOfMetricsMayHaveCommas) {
  const Options options = parse({"--metrics.labels", "local,port", "--metrics.disable",
                                 "resets,duplicate_acks_total,rtt_seconds", "--metrics.disable",
                                 "connections", "--metrics.rtt-buckets", "500us,1ms,10ms"});
  EXPECT_TRUE(options.metrics.labels_local);
  EXPECT_TRUE(options.metrics.labels_port);
  EXPECT_THAT(options.metrics.disabled,
              ElementsAre("resets", "duplicate_acks", "rtt_seconds", "connections"));
  EXPECT_THAT(options.metrics.rtt_buckets, ElementsAre(500us, 1ms, 10ms));
  EXPECT_FALSE(parse({"--metrics.labels", "port"}).metrics.labels_local);

  EXPECT_EQ(error_of({"--metrics.labels", "peer"}),
            "--metrics.labels peer: not a list of local, port");
  EXPECT_THAT(error_of({"--metrics.disable", "nonesuch"}),
              HasSubstr("--metrics.disable nonesuch: no counter of peers; those are packets, "));
  for (const char* bounds :
       {"10ms,1ms", "1ms,1ms",
        "1ms,2ms,3ms,4ms,5ms,6ms,7ms,8ms,9ms,10ms,11ms,12ms,13ms,14ms,15ms,16ms,17ms"}) {
    EXPECT_THAT(error_of({"--metrics.rtt-buckets", bounds}), HasSubstr("not durations that rise"));
  }
}

TEST(Options, ReportTakesFilesAndAFormat) {
  const Options options = parse({"report", "--format", "json", "a.pcap", "-"});
  EXPECT_EQ(options.command, Options::Command::kReport);
  EXPECT_THAT(options.report.files, ElementsAre("a.pcap", "-"));
  EXPECT_EQ(options.report.format, ReportFormat::kJson);
  EXPECT_GT(options.analyzer.peers_max, 1000u) << "a report leaves nobody out";
}

TEST(Options, HelpAndVersionArePrinted) {
  EXPECT_EQ(parse({"--help"}).command, Options::Command::kPrint);
  for (const char* command : {"report", "top", "check-config", "check-health"}) {
    EXPECT_THAT(parse({"--help"}).text, HasSubstr(command));
  }
  EXPECT_THAT(parse({"--version"}).text, HasSubstr("lossgazer"));
}

}  // namespace
}  // namespace lossgazer
