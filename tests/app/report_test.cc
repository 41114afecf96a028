// `lossgazer report` from a file's bytes to each format's text.

#include "app/report.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/frame_builder.h"
#include "tests/support/pcap_writer.h"

namespace lossgazer {
namespace {

using test::FrameBuilder;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr CaptureTime kStart{1'700'000'000s};

// 198.51.100.7 sends three segments to 192.0.2.1; the second is lost before the capture and sent
// again 40 ms later. Cut to 64 bytes.
class Report : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() /
                 ("lossgazer-report-test-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "loss.pcap";
    std::ofstream file(path_, std::ios::binary);
    test::PcapWriter writer(file, LinkType::kEthernet, {.nanoseconds = true, .snaplen = 64});
    const auto data = [](uint32_t seq, uint32_t tsval) {
      return FrameBuilder().reversed().seq(seq).ack(1).timestamps(tsval, 1).payload(1000).build();
    };
    const auto acked = [](uint32_t number) { return FrameBuilder().ack(number).build(); };
    writer.write(kStart, data(1, 100));
    writer.write(kStart + 1ms, data(2001, 100));
    writer.write(kStart + 2ms, acked(1001));
    writer.write(kStart + 40ms + 7ns, data(1001, 140));
    writer.write(kStart + 41ms, acked(3001));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string report(ReportFormat format, std::vector<std::string> files = {},
                     const char* local = nullptr, Options options = {}) {
    options.command = Options::Command::kReport;
    options.report.format = format;
    options.report.files = files.empty() ? std::vector<std::string>{path_} : std::move(files);
    if (local != nullptr) options.analyzer.local = {*IpPrefix::parse(local)};
    std::ostringstream out;
    std::ostringstream warnings;
    run_report(options, out, warnings);
    warnings_ = warnings.str();
    return out.str();
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
  std::string warnings_;
};

TEST_F(Report, JsonHasTheContractsKeysInItsOrder) {
  EXPECT_EQ(
      report(ReportFormat::kJson, {}, "192.0.2.0/24"),
      "{\"peers\":[{\"peer\":\"198.51.100.7\",\"direction\":\"egress\",\"packets\":2,"
      "\"data_segments\":0,\"payload_bytes\":0,\"lost_packets\":{\"peer\":0,\"local\":0},"
      "\"lost_packets_by_method\":{\"census\":0,\"sequence\":0},\"unanswered_segments\":0,"
      "\"census_packets\":0,\"retransmitted_segments\":0,\"retransmitted_bytes\":0,"
      "\"spurious_retransmissions\":0,\"handshake_retransmissions\":{\"syn\":0,\"syn_ack\":0},"
      "\"reordered_segments\":0,\"duplicate_packets\":0,\"duplicate_acks\":0,\"zero_windows\":0,"
      "\"resets\":0,\"ecn_ce_packets\":0,\"unseen_bytes\":0,"
      "\"connections\":{\"opened\":0,\"refused\":0,\"timeout\":0},"
      "\"rtt_seconds\":{\"sum\":0.000000000,\"count\":0}},\n"
      "{\"peer\":\"198.51.100.7\",\"direction\":\"ingress\",\"packets\":3,"
      "\"data_segments\":3,\"payload_bytes\":3000,\"lost_packets\":{\"peer\":1,\"local\":0},"
      "\"lost_packets_by_method\":{\"census\":0,\"sequence\":1},\"unanswered_segments\":0,"
      "\"census_packets\":0,\"retransmitted_segments\":1,\"retransmitted_bytes\":1000,"
      "\"spurious_retransmissions\":0,\"handshake_retransmissions\":{\"syn\":0,\"syn_ack\":0},"
      "\"reordered_segments\":0,\"duplicate_packets\":0,\"duplicate_acks\":0,\"zero_windows\":0,"
      "\"resets\":0,\"ecn_ce_packets\":0,\"unseen_bytes\":0,"
      "\"connections\":{\"opened\":0,\"refused\":0,\"timeout\":0},"
      "\"rtt_seconds\":{\"sum\":0.002000000,\"count\":1}}],\n"
      "\"capture\":{\"packets\":5,\"unparsed\":{\"truncated\":0,\"not_ip\":0,\"not_tcp\":0,"
      "\"fragment\":0,\"malformed\":0}}}\n");
}

TEST_F(Report, WithoutLocalRowsAreDirectedPairs) {
  const std::string json = report(ReportFormat::kJson);
  EXPECT_THAT(json, HasSubstr("{\"source\":\"198.51.100.7\",\"destination\":\"192.0.2.1\","
                              "\"direction\":\"transit\",\"packets\":3,"));
  EXPECT_THAT(json, HasSubstr("\"lost_packets\":{\"before\":1,\"after\":0}"));
}

TEST_F(Report, EventsNameEachPacketThatWasNotInOrder) {
  EXPECT_EQ(report(ReportFormat::kEvents, {}, "192.0.2.1"),
            "{\"time\":\"2023-11-14T22:13:20.040000007Z\",\"frame\":4,\"src\":\"198.51.100.7\","
            "\"src_port\":443,\"dst\":\"192.0.2.1\",\"dst_port\":40000,\"direction\":\"ingress\","
            "\"seq\":1001,\"length\":1000,\"verdict\":\"retransmission\",\"side\":\"peer\","
            "\"evidence\":\"tsval\"}\n");
}

TEST_F(Report, EventsMayHaveEcsNamesAndAFilter) {
  Options options;
  options.events.ecs = true;
  EXPECT_THAT(report(ReportFormat::kEvents, {}, "192.0.2.1", options),
              AllOf(StartsWith("{\"@timestamp\":\"2023-11-14T22:13:20.040000007Z\","),
                    HasSubstr("\"action\":\"retransmission\""),
                    HasSubstr("\"lossgazer\":{\"frame\":4,\"seq\":1001,")));
  options.events.peers = {*IpPrefix::parse("203.0.113.0/24")};
  EXPECT_EQ(report(ReportFormat::kEvents, {}, "192.0.2.1", options), "");
  options.events.peers = {*IpPrefix::parse("198.51.100.0/24")};
  EXPECT_NE(report(ReportFormat::kEvents, {}, "192.0.2.1", options), "");
  options.events.verdicts = {VerdictKind::kReordered};
  EXPECT_EQ(report(ReportFormat::kEvents, {}, "192.0.2.1", options), "");
}

TEST_F(Report, SeveralFilesAreOneStoryAndEventsNameTheirs) {
  const std::string events = report(ReportFormat::kEvents, {path_, path_});
  EXPECT_THAT(events, HasSubstr(",\"file\":\"" + path_.string() + "\",\"frame\":4,"));
  EXPECT_THAT(events, HasSubstr("\"verdict\":\"duplicate\""))
      << "the second file repeats the first";
}

TEST_F(Report, CsvHasOneHeaderAndTheSameRows) {
  const std::string csv = report(ReportFormat::kCsv, {}, "192.0.2.1");
  EXPECT_THAT(csv, StartsWith("peer,direction,packets,data_segments,payload_bytes,"
                              "lost_packets_peer,lost_packets_local,"));
  EXPECT_THAT(csv, HasSubstr("\n198.51.100.7,ingress,3,3,3000,1,0,0,1,"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3);
}

TEST_F(Report, CsvOfNoTrafficIsItsHeader) {
  const std::filesystem::path empty = directory_ / "empty.pcap";
  {
    std::ofstream file(empty, std::ios::binary);
    const test::PcapWriter writer(file, LinkType::kEthernet, {});
  }
  EXPECT_THAT(report(ReportFormat::kCsv, {empty}, "192.0.2.1"), StartsWith("peer,direction,"));
  const std::string pairs = report(ReportFormat::kCsv, {empty});
  EXPECT_THAT(pairs, StartsWith("source,destination,direction,packets,"));
  EXPECT_EQ(std::count(pairs.begin(), pairs.end(), '\n'), 1);
}

TEST_F(Report, PrometheusShowsTrueValuesAtOnce) {
  EXPECT_THAT(report(ReportFormat::kPrometheus, {}, "192.0.2.1"),
              HasSubstr("lossgazer_lost_packets_total{peer=\"198.51.100.7\",direction=\"ingress\","
                        "side=\"peer\",method=\"sequence\"} 1\n"));
}

TEST_F(Report, TablePutsTheWorstFirst) {
  const std::string table = report(ReportFormat::kTable);
  EXPECT_THAT(table, StartsWith("SOURCE > DESTINATION"));
  EXPECT_LT(table.find("198.51.100.7 > 192.0.2.1"), table.find("192.0.2.1 > 198.51.100.7"));
}

TEST_F(Report, CutFileIsJudgedUpToTheCutWithAWarning) {
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 10);
  EXPECT_THAT(report(ReportFormat::kJson), HasSubstr("\"capture\":{\"packets\":4,"));
  EXPECT_THAT(warnings_, StartsWith("lossgazer: " + path_.string() + ": "));
  EXPECT_THAT(warnings_, EndsWith("judged up to there, 4 packets\n"));
}

TEST_F(Report, FilesThatAreNoCapturesAreErrors) {
  const std::filesystem::path text = directory_ / "text";
  std::ofstream(text) << "this is no capture, only some text that is long enough to be read\n";
  const std::filesystem::path empty = directory_ / "empty";
  std::ofstream(empty).flush();
  for (const std::filesystem::path& path : {text, empty, directory_ / "missing"}) {
    try {
      report(ReportFormat::kJson, {path});
      ADD_FAILURE() << path;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
    }
  }
}

// A download with a loss before and after `set_at`, whose clock is then set by `by`.
void write_with_step(const std::filesystem::path& path, CaptureTime start, Duration set_at,
                     Duration by) {
  std::ofstream file(path, std::ios::binary);
  test::PcapWriter writer(file, LinkType::kEthernet, {.pcapng = true});
  const auto write = [&](Duration at, const FrameBuilder& frame) {
    writer.write(start + at + (at < set_at ? 0s : by), FrameBuilder(frame).build());
  };
  for (uint32_t i = 0; i < 2000; ++i) {
    const Duration at = i * 10ms;
    const auto data = [&](uint32_t number, uint32_t tsval) {
      return FrameBuilder()
          .reversed()
          .seq(1 + number * 1000)
          .ack(1)
          .timestamps(tsval, 1)
          .payload(1000);
    };
    const auto is_lost = [](uint32_t number) { return number == 700 || number == 1300; };
    if (is_lost(i)) continue;
    write(at, data(i, 1000 + 10 * i));
    if (is_lost(i - 1)) write(at + 5ms, data(i - 1, 1005 + 10 * i));
    write(at + 9ms, FrameBuilder().ack(1 + (i + 1) * 1000));
  }
}

// Without what comes last: a round trip across the step is not counted.
std::string without_round_trips(const std::string& json) {
  return json.substr(0, json.rfind("\"rtt_seconds\""));
}

TEST_F(Report, SaysTheSameInAnyYear) {
  write_with_step(path_, kStart, 0s, 0s);
  const std::string usual = report(ReportFormat::kJson, {}, "192.0.2.1");
  EXPECT_THAT(usual, HasSubstr("\"retransmitted_segments\":2,"));
  for (const CaptureTime start : {CaptureTime(), CaptureTime(2'147'483'640s),
                                  CaptureTime(4'294'967'290s), kLatestStamp - 1min}) {
    write_with_step(path_, start, 0s, 0s);
    EXPECT_EQ(report(ReportFormat::kJson, {}, "192.0.2.1"), usual);
  }
}

TEST_F(Report, SaysTheSameIfTheClockWasSetBackMeanwhile) {
  write_with_step(path_, kStart, 0s, 0s);
  const std::string usual = without_round_trips(report(ReportFormat::kJson, {}, "192.0.2.1"));
  for (const Duration by :
       {Duration(-11s), Duration(-1h), Duration(-24h), Duration(-24h * 365 * 53)}) {
    write_with_step(path_, kStart, 10s, by);
    EXPECT_EQ(without_round_trips(report(ReportFormat::kJson, {}, "192.0.2.1")), usual);
  }
}

TEST_F(Report, LivesWithFramesThatAreNotTcp) {
  std::ofstream file(path_, std::ios::binary);
  test::PcapWriter writer(file, LinkType::kEthernet);
  writer.write(kStart, FrameBuilder().protocol(17).payload(20).build());
  writer.write(kStart, FrameBuilder().truncated(30), 54);
  writer.write(kStart, FrameBuilder().data_offset(2).build());
  file.flush();
  const std::string json = report(ReportFormat::kJson);
  EXPECT_THAT(json, StartsWith("{\"peers\":[],\n\"capture\":{\"packets\":3,"));
  EXPECT_THAT(json, HasSubstr("\"truncated\":1,\"not_ip\":0,\"not_tcp\":1,\"fragment\":0,"
                              "\"malformed\":1}"));
  EXPECT_THAT(warnings_, IsEmpty());
}

}  // namespace
}  // namespace lossgazer
