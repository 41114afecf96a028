#include "capture/limited_log.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace lossgazer {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::SizeIs;

class LimitedLogTest : public testing::Test {
 protected:
  void write(std::string_view kind, int times) {
    for (int i = 0; i < times; ++i) log_.write(kind, LogLevel::kInfo, kind, now_);
  }
  LimitedLog::Time now_{seconds(1000)};
  std::vector<std::string> lines_;
  LimitedLog log_{[this](LogLevel, std::string_view text) { lines_.emplace_back(text); }};
};

TEST_F(LimitedLogTest, AFewPassAndAStormDoesNot) {
  write("a", 5);
  EXPECT_THAT(lines_, SizeIs(5));
  write("a", 1000);
  EXPECT_THAT(lines_, SizeIs(10));
}

TEST_F(LimitedLogTest, TheNextThatPassesSaysHowManyDidNot) {
  write("a", 110);
  lines_.clear();
  now_ += seconds(10);
  write("a", 2);
  EXPECT_THAT(lines_, ElementsAre("a (100 more of this kind before it were suppressed)"));
  now_ += seconds(3600);
  write("a", 1);
  EXPECT_EQ(lines_.back(), "a (1 more of this kind before it were suppressed)");
  write("a", 1);
  EXPECT_EQ(lines_.back(), "a");
}

TEST_F(LimitedLogTest, TheEndOfAStormIsNotedOnce) {
  write("a", 110);
  lines_.clear();
  log_.settle(now_ + seconds(29));
  EXPECT_THAT(lines_, SizeIs(0)) << "it may go on";
  log_.settle(now_ + seconds(30));
  log_.settle(now_ + seconds(31));
  EXPECT_THAT(lines_, ElementsAre("a: 100 lines suppressed"));
}

TEST_F(LimitedLogTest, KindsDoNotSilenceEachOther) {
  write("a", 1000);
  write("b", 1);
  EXPECT_EQ(lines_.back(), "b");
}

TEST_F(LimitedLogTest, ALongSilenceGivesNoMoreRoomThanAFew) {
  write("a", 1);
  now_ += seconds(1'000'000);
  write("a", 1000);
  EXPECT_THAT(lines_, SizeIs(11));
}

}  // namespace
}  // namespace lossgazer
