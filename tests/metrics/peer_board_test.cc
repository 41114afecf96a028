#include "metrics/peer_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace lossgazer {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

PeerKey peer(std::string_view address) {
  return {PeerKey::Kind::kAddress, *IpAddress::parse(address), {}};
}

PeerRow row(const PeerKey& key, uint64_t segments, uint64_t lost) {
  PeerRow result{key, {}};
  LossCounters& egress = result.counters[0];
  egress.packets = egress.data_segments = segments;
  egress.payload_bytes = 1000 * segments;
  egress.lost(Side::kAfter, LossMethod::kSequence) = lost;
  return result;
}

std::vector<std::string> peers_of(const std::string& json) {
  std::vector<std::string> found;
  constexpr std::string_view kBegin = "{\"peer\":\"";
  for (size_t at = json.find(kBegin); at != std::string::npos; at = json.find(kBegin, at + 1)) {
    const size_t begin = at + kBegin.size();
    found.push_back(json.substr(begin, json.find('"', begin) - begin));
  }
  return found;
}

class PeerBoardTest : public testing::Test {
 protected:
  std::chrono::steady_clock::time_point now_{seconds(5000)};
  Snapshot snapshot_;
  std::optional<std::string> not_ready_;
  std::string name_;
  PeerBoard board_{{.host = "gate\"way",
                    .build = {"0.1.0", "abc123", "GCC 12.2.0"},
                    .snapshot = [this] { return snapshot_; },
                    .not_ready = [this] { return not_ready_; },
                    .name = [this](const PeerKey&) { return name_; },
                    .history = {},
                    .now = [this] { return now_; },
                    .wall_clock = [] { return CaptureTime(seconds(1'800'000'000)); }}};
};

TEST_F(PeerBoardTest, TheWorstByEvidenceComesFirst) {
  board_.observe();
  snapshot_.peers = {row(peer("192.0.2.1"), 2, 1), row(peer("192.0.2.2"), 10'000, 0),
                     row(peer("192.0.2.3"), 10'000, 500), row(peer("192.0.2.4"), 20'000, 0)};
  EXPECT_THAT(peers_of(board_.json(std::nullopt)),
              ElementsAre("192.0.2.3", "192.0.2.1", "192.0.2.4", "192.0.2.2"));
  EXPECT_THAT(peers_of(board_.json(2)), ElementsAre("192.0.2.3", "192.0.2.1"));
  EXPECT_THAT(board_.json(0), HasSubstr("\"peers_known\":4,\"peers\":[]}"));
}

TEST_F(PeerBoardTest, TrueAtOnce) {
  board_.observe();
  now_ += seconds(4);
  snapshot_.peers = {row(peer("192.0.2.1"), 400, 4)};
  const std::string json = board_.json(std::nullopt);
  EXPECT_THAT(json, HasSubstr("\"worst\":{\"direction\":\"egress\",\"side\":\"peer\",\"method\":"
                              "\"sequence\",\"lost\":4,\"of\":400,\"ratio\":0.01}"));
  EXPECT_THAT(json, HasSubstr("\"recent_seconds\":4.000"));
  EXPECT_THAT(json, HasSubstr("\"packets_per_second\":100,"));
  EXPECT_THAT(json, HasSubstr("\"payload_bytes_per_second\":100000,"));
  EXPECT_THAT(json, HasSubstr("\"total\":{\"packets\":400,\"data_segments\":400,"));
  EXPECT_THAT(json, HasSubstr("\"series\":null"));
}

TEST_F(PeerBoardTest, OldLossIsHistory) {
  board_.observe();
  for (int i = 0; i < 9; ++i) {
    now_ += seconds(10);
    snapshot_.peers = {row(peer("192.0.2.1"), 1000, 100)};
    board_.observe();
  }
  const std::string json = board_.json(std::nullopt);
  EXPECT_THAT(json, HasSubstr("\"worst\":null"));
  EXPECT_THAT(json, HasSubstr("\"lost_peer\":[100,0,0,0,0,0,0,0,0],"
                              "\"loss_ratio_peer\":[0.1,0,0,0,0,0,0,0,0]"));
  EXPECT_THAT(json, HasSubstr("\"lost_packets\":{\"peer\":100,\"local\":0}"));
  EXPECT_THAT(json, HasSubstr("\"rtt_seconds\":[null,"));
}

TEST_F(PeerBoardTest, TextIsQuoted) {
  name_ = "a\"</script>\n";
  snapshot_.peers = {row(peer("192.0.2.1"), 1, 0)};
  const std::string json = board_.json(std::nullopt);
  EXPECT_THAT(json, HasSubstr("\"host\":\"gate\\\"way\""));
  EXPECT_THAT(json, HasSubstr("\"name\":\"a\\\"</script>\\u000a\""));
  name_ = "";
  EXPECT_THAT(board_.json(std::nullopt), HasSubstr("\"name\":null"));
}

TEST_F(PeerBoardTest, TellsTheCapturesHealth) {
  SourceHealth source;
  source.name = "eth0";
  source.up = true;
  source.packets = 1000;
  source.last_packet = CaptureTime(seconds(1'800'000'000 - 7));
  snapshot_.health.sources = {source};
  board_.observe();
  source.packets = 1500;
  source.dropped[static_cast<size_t>(DropStage::kKernel)] = 30;
  snapshot_.health.sources = {source};
  snapshot_.health.workers = {{3, {}}, {9, {}}};
  not_ready_ = "eth1 is down";
  const std::string json = board_.json(std::nullopt);
  EXPECT_THAT(json, HasSubstr("\"ready\":false,\"not_ready\":\"eth1 is down\""));
  EXPECT_THAT(json, HasSubstr("\"recent\":{\"packets\":500,\"dropped\":{\"interface\":0,"
                              "\"kernel\":30,\"queue\":0,\"flow_table\":0}"));
  EXPECT_THAT(json, HasSubstr("\"last_packet_age_seconds\":7.000"));
  EXPECT_THAT(json, HasSubstr("\"queue_packets\":9"));
}

TEST_F(PeerBoardTest, WithoutHistoryAPeerHasItsTotals) {
  snapshot_.peers = {row(peer("192.0.2.1"), 5, 1)};
  // Nothing was observed yet, so nothing is known of the last minute.
  const std::string json = board_.json(std::nullopt);
  EXPECT_THAT(json, HasSubstr("\"egress\":{\"recent\":null,\"total\":{\"packets\":5,"));
  EXPECT_THAT(json, Not(HasSubstr(":nan")));
}

}  // namespace
}  // namespace lossgazer
