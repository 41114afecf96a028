#include "app/top/figures.h"

#include <gmock/gmock.h>

#include "tests/app/top/boards.h"

namespace lossgazer {
namespace {

using test::board_peer;
using testing::ElementsAre;
using testing::Optional;

TEST(Figures, AreShortAndNeverWiderThanTheirColumn) {
  EXPECT_EQ(percent(0), "0%");
  EXPECT_EQ(percent(0.00001), "<.01%");
  EXPECT_EQ(percent(0.039), "3.90%");
  EXPECT_EQ(percent(0.09999), "10.0%");
  EXPECT_EQ(percent(0.9999), "100%");
  EXPECT_EQ(percent(1), "100%");
  EXPECT_EQ(scaled(0), "0");
  EXPECT_EQ(scaled(0.5), "0.5");
  EXPECT_EQ(scaled(999.9), "1.0k");
  EXPECT_EQ(scaled(12'345'678), "12M");
  EXPECT_EQ(few(999), "999");
  EXPECT_EQ(few(1200), "1.2k");
  EXPECT_EQ(milliseconds(std::nullopt), "-");
  EXPECT_EQ(milliseconds(0.00008), "0.08ms");
  EXPECT_EQ(milliseconds(0.0123), "12.3ms");
  EXPECT_EQ(milliseconds(2.5), "2.5s");
  EXPECT_EQ(age(59.9), "59s");
  EXPECT_EQ(age(300), "5min");
  EXPECT_EQ(counted(1'234'567), "1,234,567");
  EXPECT_EQ(counted(999), "999");
}

TEST(Figures, TextIsCutAtCharactersNotBytes) {
  EXPECT_EQ(columns_of("Zürich"), 6U);
  EXPECT_EQ(fitted("Zürich", 6, "…"), "Zürich");
  EXPECT_EQ(fitted("Zürich", 3, "…"), "Zü…");
  EXPECT_EQ(fitted("Zürich", 0, "…"), "");
}

TEST(Chart, LossIsDrawnBySquareRootAndTheRestByItsGreatest) {
  const std::vector<BoardStep> steps = {{.seconds = 30, .age_seconds = 30},
                                        {.seconds = 30, .age_seconds = 0}};
  const BoardPeer peer = board_peer("192.0.2.1", 50);
  const BoardWay& way = peer.ways[0];
  EXPECT_THAT(chart_of(way, steps, Measure::kLoss, 4, 0.2),
              ElementsAre(Optional(0), Optional(0), Optional(4), Optional(4)));
  EXPECT_THAT(chart_of(way, steps, Measure::kTraffic, 4, 0.2),
              ElementsAre(Optional(4), Optional(4), Optional(8), Optional(8)));
  EXPECT_THAT(chart_of(way, steps, Measure::kRtt, 2, 0.2), ElementsAre(Optional(8), Optional(8)));
}

TEST(Chart, ASmallLossIsSeenAndWhatIsNotKnownIsBlank) {
  const std::vector<BoardStep> steps = {{.seconds = 10, .age_seconds = 65},
                                        {.seconds = 10, .age_seconds = 0}};
  BoardWay way = board_peer("192.0.2.1", 1).ways[0];
  EXPECT_THAT(chart_of(way, steps, Measure::kLoss, 6, 1),
              ElementsAre(std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
                          Optional(1)));
  way.packets_series = {0, 0};
  EXPECT_THAT(chart_of(way, steps, Measure::kLoss, 1, 1), ElementsAre(std::nullopt));
}

}  // namespace
}  // namespace lossgazer
