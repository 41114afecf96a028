#include "app/top/renderer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/app/top/boards.h"

namespace lossgazer {
namespace {

using std::chrono::seconds;
using test::board_of;
using test::board_peer;
using test::shared;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Renderer : public testing::Test {
 protected:
  Renderer() {
    BoardPeer first = board_peer("198.51.100.7", 39);
    first.name = "db.example";
    board_ = board_of({first, board_peer("2001:db8:1234:5678:9abc:def0:1234:5678", 0)});
  }
  void take() { model_.take(shared(board_), now_); }
  void press(const std::string& text) { (void)model_.press({.text = text}, 5, now_); }
  void enter() { (void)model_.press({.kind = KeyKind::kEnter}, 5, now_); }
  std::vector<Line> lines(const ScreenSize& size = {}, const Glyphs& glyphs = {}) {
    return render(model_, size, glyphs, now_);
  }
  std::vector<std::string> texts(const ScreenSize& size = {}) {
    std::vector<std::string> result;
    for (const Line& line : lines(size)) result.push_back(line.text());
    return result;
  }

  TopModel::Time now_{seconds(100)};
  TopModel model_{"test"};
  Board board_;
};

TEST_F(Renderer, SaysWhoLosesAndShowsEachDirection) {
  take();
  const std::vector<std::string> shown = texts();
  EXPECT_EQ(shown.size(), 24U);
  EXPECT_THAT(shown[0], StartsWith("lossgazer gateway"));
  EXPECT_EQ(shown[1], "Losing 3.90% of packets to db.example (198.51.100.7), in the network");
  EXPECT_THAT(shown[2], StartsWith("eth0: 100 packets/s, 0 dropped, 0 flows, 2 peers"));
  EXPECT_EQ(shown[3],
            " PEER                     LOST WHERE, HOW KNOWN    AGAIN    RTT BIT/S LOST 1 min");
  EXPECT_EQ(shown[4],
            "▸198.51.100.7         →  3.90% network inferred    3.90%  1.0ms   80k ·····█████");
  EXPECT_EQ(shown[5],
            "▸db.example           ←     0%                        0%      -   80k ··········");
  EXPECT_THAT(shown[6], StartsWith(" 2001:db8:1234:5678:9 → "));
  EXPECT_THAT(shown[7], StartsWith(" abc:def0:1234:5678   ← "));
}

// So no colour, nor the screen's edge, is all that tells something.
TEST_F(Renderer, NoLineIsWiderThanTheScreenAndThereAreNoMoreThanItHas) {
  board_.notice = "eth0: " + std::string(200, 'x');
  board_.flows = {{.peer = "198.51.100.7",
                   .ours = "192.0.2.1",
                   .our_port = 47518,
                   .theirs = "198.51.100.7:5201",
                   .sent_again = 12,
                   .last_loss = "peer"}};
  for (const char* view : {"", "?", "details"}) {
    for (const ScreenSize& size : {ScreenSize{40, 8}, ScreenSize{40, 10}, ScreenSize{57, 12},
                                   ScreenSize{80, 24}, ScreenSize{120, 40}, ScreenSize{300, 90}}) {
      SCOPED_TRACE(fmt::format("{} at {}x{}", view, size.columns, size.lines));
      model_ = TopModel("http://exporter.example:10119");
      take();
      model_.miss("Connection refused");
      press("f");
      view == std::string("details") ? enter() : press(view);
      const std::vector<Line> shown = lines(size);
      EXPECT_EQ(shown.size(), size.lines);
      for (const Line& line : shown) EXPECT_LE(line.columns(), size.columns) << line.text();
    }
  }
}

TEST_F(Renderer, ASmallScreenLosesWhatMattersLeast) {
  take();
  EXPECT_EQ(texts({40, 10})[4], "▸198.51.100.7      →  3.90%  3.90%   80k");
  EXPECT_THAT(texts({120, 40})[3], AllOf(HasSubstr("PKT/S"), HasSubstr("LATE")));
  EXPECT_THAT(texts({39, 24}), testing::ElementsAre("Too small: 40 x 8 at least"));
  EXPECT_THAT(texts({80, 7}), testing::ElementsAre("Too small: 40 x 8 at least"));
  EXPECT_THAT(texts({3, 1}), testing::ElementsAre("To…"));
}

TEST_F(Renderer, OnlyLossesAndWhatIsOldAreLoud) {
  take();
  press("f");
  now_ += seconds(12);
  model_.miss("Connection refused");
  std::vector<std::string> loud;
  for (const Line& line : lines()) {
    for (const Span& span : line.spans()) {
      if (span.manner == Manner::kBad || span.manner == Manner::kWarning) loud.push_back(span.text);
    }
  }
  EXPECT_THAT(loud, Contains(HasSubstr("(12s), trying again: Connection refused")));
  EXPECT_THAT(loud, Contains("Frozen for 12s; f goes on"));
  EXPECT_THAT(loud, Contains("3.90%"));
  EXPECT_THAT(loud, Not(Contains(HasSubstr("80k"))));
}

TEST_F(Renderer, TheSelectedPeerIsOnTheScreen) {
  std::vector<BoardPeer> peers;
  for (int i = 0; i < 50; ++i) peers.push_back(board_peer(fmt::format("192.0.2.{}", i), 0));
  board_ = board_of(peers);
  take();
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(texts({80, 11}), Contains(StartsWith(fmt::format("▸192.0.2.{} ", i))));
    press("j");
  }
}

TEST_F(Renderer, DetailsHaveBothWindowsAndTheWorstFlows) {
  board_.flows = {{.peer = "198.51.100.7",
                   .ours = "192.0.2.1",
                   .our_port = 1001,
                   .theirs = "198.51.100.7:5201",
                   .sent_again = 3,
                   .needless = 1,
                   .last_loss = "peer",
                   .age_seconds = 4},
                  {.peer = "198.51.100.7",
                   .ours = "192.0.2.1",
                   .our_port = 1002,
                   .theirs = "198.51.100.7:5201",
                   .sent_again = 30},
                  {.peer = "192.0.2.200", .our_port = 1003, .sent_again = 300}};
  take();
  enter();
  const std::vector<std::string> shown = texts({100, 60});
  EXPECT_THAT(shown,
              Contains(AllOf(HasSubstr("network, inferred"), HasSubstr("3.90% (39 of 1,000)"))));
  EXPECT_THAT(shown, Contains(AllOf(StartsWith("lost in the network"), HasSubstr("39"))));
  const auto worst = std::ranges::find_if(
      shown, [](const std::string& line) { return line.starts_with("AGAIN"); });
  ASSERT_NE(worst, shown.end());
  EXPECT_THAT(worst[1], HasSubstr("192.0.2.1:1002 → 198.51.100.7:5201"));
  EXPECT_THAT(worst[2], AllOf(HasSubstr("network"), HasSubstr("192.0.2.1:1001")));
  EXPECT_THAT(worst[3], Not(HasSubstr("1003")));

  board_.flows.reset();
  take();
  EXPECT_THAT(texts({100, 60}), Contains(HasSubstr("an exporter keeps")));
}

TEST_F(Renderer, AsciiAloneWhereTheTerminalHasNoMore) {
  take();
  for (const Line& line : lines({}, Glyphs::ascii())) {
    EXPECT_THAT(line.text(), testing::Each(testing::Lt(127)));
  }
}

TEST_F(Renderer, SaysWhatIsMissing) {
  EXPECT_THAT(texts(), Contains("Waiting for the first packets"));
  board_.capture.not_ready = "eth0 is down";
  board_.peers.clear();
  take();
  EXPECT_THAT(texts(), Contains("No TCP traffic seen yet"));
  EXPECT_THAT(texts(), Contains(StartsWith("Not capturing all: eth0 is down")));
}

}  // namespace
}  // namespace lossgazer
