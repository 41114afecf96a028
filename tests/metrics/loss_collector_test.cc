#include "metrics/loss_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <ctime>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/metrics/exposition_lines.h"

namespace lossgazer {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::SizeIs;

const PeerKey kOther{PeerKey::Kind::kOther, {}, {}};

PeerKey peer(std::string_view address) {
  return {PeerKey::Kind::kAddress, *IpAddress::parse(address), {}};
}

PeerRow counted(const PeerKey& key, uint64_t packets) {
  LossCounters counters;
  counters.packets = packets;
  counters.lost(Side::kAfter, LossMethod::kSequence) = packets;
  counters.rtt_count = packets;
  counters.rtt_sum = seconds(packets);
  return {key, {counters, counters}};
}

class LossCollectorTest : public testing::Test {
 protected:
  Snapshot snapshot_;
  LossCollector::Clock::time_point now_{seconds(1000)};
  LossCollector collector_{
      [this] { return snapshot_; }, {"0.1.0", "abc123", "GCC 12.2.0"}, [this] { return now_; }};
};

TEST_F(LossCollectorTest, AllOfAPeersCountersAreBornAtZero) {
  snapshot_.peers = {counted(peer("192.0.2.1"), 5), counted(kOther, 7)};
  snapshot_.health.flows = 3;
  const std::string first = collector_.text();
  for (const char* name : {"packets_total", "rtt_seconds_sum", "rtt_seconds_count"}) {
    for (const char* who : {"192.0.2.1", "other"}) {
      const std::string series =
          std::string("lossgazer_") + name + "{peer=\"" + who + "\",direction=\"ingress\"}";
      EXPECT_EQ(value_of(first, series), "0") << series;
    }
  }
  for (const std::string& line : lines_with(first, "lossgazer_lost_packets_total")) {
    EXPECT_TRUE(line.ends_with(" 0")) << line;
  }
  EXPECT_EQ(value_of(first, "lossgazer_flows"), "3");

  now_ += seconds(15);
  const std::string second = collector_.text();
  EXPECT_EQ(value_of(second, R"(lossgazer_packets_total{peer="192.0.2.1",direction="egress"})"),
            "5");
  EXPECT_EQ(value_of(second, R"(lossgazer_packets_total{peer="other",direction="ingress"})"), "7");
  EXPECT_EQ(value_of(second, R"(lossgazer_rtt_seconds_sum{peer="other",direction="egress"})"), "7");
  EXPECT_EQ(value_of(second, R"(lossgazer_rtt_seconds_count{peer="other",direction="egress"})"),
            "7");
  EXPECT_EQ(
      value_of(
          second,
          R"(lossgazer_lost_packets_total{peer="other",direction="egress",side="peer",method="sequence"})"),
      "7");
}

TEST_F(LossCollectorTest, ExpiredPeersSeriesEndAndAReturningOneIsBornAgain) {
  snapshot_.peers = {counted(peer("192.0.2.1"), 5)};
  (void)collector_.text();
  now_ += seconds(15);
  (void)collector_.text();
  snapshot_.peers.clear();
  now_ += seconds(15);
  EXPECT_THAT(lines_with(collector_.text(), "lossgazer_packets_total"), SizeIs(0));
  snapshot_.peers = {counted(peer("192.0.2.1"), 2)};
  now_ += seconds(15);
  EXPECT_EQ(value_of(collector_.text(),
                     R"(lossgazer_packets_total{peer="192.0.2.1",direction="egress"})"),
            "0");
  now_ += seconds(30);
  EXPECT_EQ(value_of(collector_.text(),
                     R"(lossgazer_packets_total{peer="192.0.2.1",direction="egress"})"),
            "2");
}

// Its row ended and began again between two scrapes: the series falls to 0 and no increase is lost.
TEST_F(LossCollectorTest, PeerThatCameBackBetweenScrapesIsBornAtZeroAgain) {
  const std::string series = R"(lossgazer_packets_total{peer="192.0.2.1",direction="egress"})";
  snapshot_.peers = {counted(peer("192.0.2.1"), 50)};
  (void)collector_.text();
  now_ += seconds(15);
  EXPECT_EQ(value_of(collector_.text(), series), "50");
  snapshot_.peers = {counted(peer("192.0.2.1"), 60)};
  snapshot_.peers.front().life = 1;
  now_ += seconds(15);
  EXPECT_EQ(value_of(collector_.text(), series), "0");
  now_ += seconds(20);
  EXPECT_EQ(value_of(collector_.text(), series), "60");
}

TEST_F(LossCollectorTest, NewOptionsAreInForceAtTheNextScrape) {
  snapshot_.peers = {counted(peer("192.0.2.1"), 5)};
  EXPECT_THAT(lines_with(collector_.text(), "lossgazer_peer_info"), SizeIs(0));
  collector_.set_options({.disabled = {"packets"},
                          .info = [](const PeerKey&) { return PeerInfo{.name = "a.example"}; }});
  const std::string text = collector_.text();
  EXPECT_THAT(lines_with(text, "lossgazer_packets_total"), SizeIs(0));
  EXPECT_EQ(value_of(text, R"(lossgazer_peer_info{peer="192.0.2.1",name="a.example"})"), "1");
}

TEST_F(LossCollectorTest, WhereNothingIsCapturedThereAreNoFamiliesOfIt) {
  collector_.set_options({.captures = false});
  const std::string text = collector_.text();
  EXPECT_THAT(lines_with(text, "# TYPE lossgazer_"),
              ElementsAre("# TYPE lossgazer_build_info gauge"));
  EXPECT_GT(std::stod(value_of(text, "process_open_fds")), 0);
}

TEST_F(LossCollectorTest, TheKernelsRetransmissionsAreShownWithoutACaptureTooAndBeginAtZero) {
  collector_.set_options({.captures = false});
  EXPECT_THAT(lines_with(collector_.text(), "lossgazer_kernel_retransmits_total"), SizeIs(0));
  snapshot_.kernel_retransmits = {{.key = {.peer = peer("192.0.2.1")}, .segments = 5}};
  const std::string name =
      R"(lossgazer_kernel_retransmits_total{peer="192.0.2.1",state="",process="",cgroup=""})";
  EXPECT_EQ(value_of(collector_.text(), name), "0");
  EXPECT_EQ(value_of(collector_.text(), name), "5");
}

TEST_F(LossCollectorTest, LinesKeepTheirOrder) {
  snapshot_.peers = {counted(peer("192.0.2.1"), 1), counted(peer("2001:db8::1"), 2),
                     counted(kOther, 3)};
  const std::string text = collector_.text();
  EXPECT_THAT(lines_with(text, "lossgazer_packets_total"),
              ElementsAre(R"(lossgazer_packets_total{peer="192.0.2.1",direction="egress"} 0)",
                          R"(lossgazer_packets_total{peer="192.0.2.1",direction="ingress"} 0)",
                          R"(lossgazer_packets_total{peer="2001:db8::1",direction="egress"} 0)",
                          R"(lossgazer_packets_total{peer="2001:db8::1",direction="ingress"} 0)",
                          R"(lossgazer_packets_total{peer="other",direction="egress"} 0)",
                          R"(lossgazer_packets_total{peer="other",direction="ingress"} 0)"));
  now_ += seconds(15);
  EXPECT_EQ(lines_with(collector_.text(), "# TYPE "), lines_with(text, "# TYPE "));
}

TEST_F(LossCollectorTest, FamiliesAreTheText) {
  snapshot_.peers = {counted(peer("192.0.2.1"), 1)};
  std::vector<std::string> names;
  for (const auto& family : collector_.Collect()) names.push_back(family.name);
  std::vector<std::string> types;
  for (const std::string& line : lines_with(collector_.text(), "# TYPE ")) {
    types.push_back(line.substr(7, line.rfind(' ') - 7));
  }
  EXPECT_EQ(names, types);
}

TEST_F(LossCollectorTest, ProcessMetricsDescribeThisProcess) {
  const std::string text = collector_.text();
  const auto number = [&](const char* name) { return std::stod(value_of(text, name)); };
  EXPECT_GT(number("process_cpu_seconds_total"), 0);
  EXPECT_GE(number("process_open_fds"), 3);
  EXPECT_LT(number("process_open_fds"), number("process_max_fds"));
  EXPECT_GT(number("process_virtual_memory_bytes"), number("process_resident_memory_bytes"));
  EXPECT_GT(number("process_resident_memory_bytes"), 1e6);
  const auto now = static_cast<double>(time(nullptr));
  EXPECT_LE(number("process_start_time_seconds"), now + 2);
  EXPECT_GT(number("process_start_time_seconds"), now - 600);
}

TEST(LossCollector, WhatTheSnapshotThrowsTheScrapeThrows) {
  const LossCollector collector([]() -> Snapshot { throw std::runtime_error("no workers"); }, {});
  EXPECT_THROW((void)collector.text(), std::runtime_error);
}

TEST(LossCollector, ScrapesFromManyThreadsNeverGoDown) {
  std::atomic<uint64_t> packets = 0;
  const LossCollector collector(
      [&] {
        Snapshot snapshot;
        snapshot.peers = {counted(peer("192.0.2.1"), ++packets)};
        return snapshot;
      },
      {});
  const auto scrape_often = [&] {
    long before = 0;
    for (int i = 0; i < 50; ++i) {
      const long value = std::stol(value_of(
          collector.text(), R"(lossgazer_packets_total{peer="192.0.2.1",direction="egress"})"));
      EXPECT_GE(value, before);
      before = value;
    }
  };
  {
    const std::jthread one(scrape_often);
    const std::jthread two(scrape_often);
  }
  EXPECT_EQ(packets, 100U);
}

// Or a configuration would be said to be in force beside what an older one made.
TEST(LossCollector, TakesTheSnapshotAfterAllElseWasAsked) {
  uint64_t asked = 0;
  Snapshot snapshot;
  const LossCollector collector(
      [&] {
        snapshot.health.flows = asked;
        return snapshot;
      },
      {}, LossCollector::Clock::now, [&](const FamilySink&) { ++asked; });
  EXPECT_EQ(value_of(collector.text(), "lossgazer_flows"), "1");
  EXPECT_EQ(value_of(collector.text(), "lossgazer_flows"), "2");
}

TEST(LossCollector, ShowsHowTheConfigurationFares) {
  ConfigHealth health{.last_reload_successful = true,
                      .last_success = std::chrono::system_clock::time_point(seconds(1234))};
  const LossCollector collector([] { return Snapshot(); }, {}, LossCollector::Clock::now,
                                [&](const FamilySink& sink) { config_families(health, sink); });
  EXPECT_EQ(value_of(collector.text(), "lossgazer_config_last_reload_successful"), "1");
  health.last_reload_successful = false;
  const std::string page = collector.text();
  EXPECT_EQ(value_of(page, "lossgazer_config_last_reload_successful"), "0");
  EXPECT_EQ(value_of(page, "lossgazer_config_last_reload_success_timestamp_seconds"), "1234");
}

}  // namespace
}  // namespace lossgazer
