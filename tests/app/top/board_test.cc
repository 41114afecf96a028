#include "app/top/board.h"

#include <gmock/gmock.h>

#include <chrono>
#include <stdexcept>

#include "metrics/peer_board.h"

namespace lossgazer {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

// What the page shows, read again.
class ParseBoard : public testing::Test {
 protected:
  Board parsed() {
    now_ += seconds(10);
    board_.observe();
    return parse_board(board_.json(std::nullopt));
  }

  std::chrono::steady_clock::time_point now_{seconds(5000)};
  Snapshot snapshot_;
  std::string name_;
  PeerBoard board_{{.host = "gateway",
                    .build = {"0.1.0", "abc123", "GCC 12.2.0"},
                    .snapshot = [this] { return snapshot_; },
                    .not_ready = [] { return std::optional<std::string>(); },
                    .name = [this](const PeerKey&) { return name_; },
                    .history = {},
                    .now = [this] { return now_; },
                    .wall_clock = [] { return CaptureTime(seconds(1'800'000'000)); }}};
};

TEST_F(ParseBoard, HasTheNumbersOfTheJson) {
  board_.observe();
  PeerRow row{{PeerKey::Kind::kAddress, *IpAddress::parse("192.0.2.1"), {}}, {}};
  row.key.port = 443;
  LossCounters& egress = row.counters[0];
  egress.packets = egress.data_segments = 1000;
  egress.payload_bytes = 500'000;
  egress.retransmitted_segments = 12;
  egress.lost(Side::kAfter, LossMethod::kSequence) = 10;
  egress.rtt_sum = std::chrono::milliseconds(30);
  egress.rtt_count = 3;
  snapshot_.peers = {row};
  snapshot_.health.sources.emplace_back().name = "eth0";
  name_ = "db.example";

  const Board board = parsed();
  EXPECT_EQ(board.host, "gateway");
  EXPECT_EQ(board.peers_known, 1U);
  EXPECT_THAT(board.capture.interfaces, ElementsAre("eth0"));
  ASSERT_EQ(board.steps.size(), 1U);
  EXPECT_EQ(board.steps[0].seconds, 10);
  ASSERT_EQ(board.peers.size(), 1U);
  const BoardPeer& peer = board.peers[0];
  EXPECT_EQ(peer.peer, "192.0.2.1");
  EXPECT_EQ(peer.name, "db.example");
  EXPECT_EQ(peer.labels, "port 443");
  const BoardWay& to = peer.way(Direction::kEgress);
  EXPECT_TRUE(to.known);
  EXPECT_EQ(to.packets, 1000U);
  EXPECT_DOUBLE_EQ(to.packets_per_second, 100);
  EXPECT_DOUBLE_EQ(to.payload_bytes_per_second, 50'000);
  EXPECT_DOUBLE_EQ(to.retransmission_ratio, 0.012);
  EXPECT_DOUBLE_EQ(to.rtt_seconds.value(), 0.01);
  ASSERT_NE(to.worst(), nullptr);
  EXPECT_EQ(to.worst()->side, "peer");
  EXPECT_EQ(to.worst()->method, "sequence");
  EXPECT_EQ(to.worst()->lost, 10U);
  EXPECT_DOUBLE_EQ(to.worst()->ratio, 0.01);
  EXPECT_THAT(to.loss_series, ElementsAre(0.01));
  EXPECT_EQ(to.total.at("lost_packets_peer"), 10U);
  EXPECT_EQ(to.total.at("connections_opened"), 0U);
  EXPECT_EQ(peer.way(Direction::kIngress).worst(), nullptr);
}

TEST_F(ParseBoard, APeerWithoutHistoryIsNotKnownToBeWell) {
  PeerBoard small({.host = "",
                   .build = {"", "", ""},
                   .snapshot = [this] { return snapshot_; },
                   .not_ready = [] { return std::optional<std::string>("eth0 is down"); },
                   .history = {.peers_max = 1}});
  snapshot_.peers = {{{PeerKey::Kind::kAddress, *IpAddress::parse("192.0.2.1"), {}}, {}},
                     {{PeerKey::Kind::kAddress, *IpAddress::parse("192.0.2.2"), {}}, {}}};
  small.observe();
  const Board board = parse_board(small.json(std::nullopt));
  EXPECT_EQ(board.capture.not_ready, "eth0 is down");
  ASSERT_EQ(board.peers.size(), 2U);
  EXPECT_NE(board.peers[0].ways[0].known, board.peers[1].ways[0].known);
}

TEST_F(ParseBoard, NamesCannotGiveTheTerminalOrders) {
  snapshot_.peers = {{{PeerKey::Kind::kAddress, *IpAddress::parse("192.0.2.1"), {}}, {}}};
  name_ = "a\x1b[2Jb";
  EXPECT_EQ(parsed().peers.at(0).name, "a?[2Jb");
}

TEST(ParseBoardOfOthers, IsRefused) {
  for (const char* text : {"", "<html>", "{}", "[]", R"({"host":1,"peers":[]})"}) {
    EXPECT_THAT([&] { (void)parse_board(text); },
                ThrowsMessage<std::runtime_error>(HasSubstr("no answer of lossgazer's")))
        << text;
  }
}

TEST(Printable, KeepsTextAndNothingElse) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("Zürich 東京"), "Zürich 東京");
  EXPECT_EQ(printable("a\tb\n\x7f"), "a?b??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "??31m");  // CSI in one character
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "abc"),
            "???abc");                     // turns the line round
  EXPECT_EQ(printable("\xff\xc3"), "??");  // no UTF-8
}

}  // namespace
}  // namespace lossgazer
