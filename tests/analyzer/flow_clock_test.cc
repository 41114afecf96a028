// The time that flows live by, whatever the clock that stamps packets is set to.

#include "analyzer/flow_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

constexpr CaptureTime kNoon{std::chrono::seconds(1'790'000'000)};

TEST(FlowClock, IsTheStampsWhileNoClockIsSet) {
  for (const bool ticked : {false, true}) {
    FlowClock clock(ticked);
    EXPECT_EQ(clock.at(kNoon), kNoon);
    EXPECT_EQ(clock.at(kNoon + 10s), kNoon + 10s);
    EXPECT_EQ(clock.at(kNoon), kNoon) << "out of order";
    EXPECT_EQ(clock.at(kNoon + 20s), kNoon + 20s);
    EXPECT_EQ(clock.clock(), 0u);
    EXPECT_EQ(clock.stepped(), CaptureTime::min());
  }
}

TEST(FlowClock, GoesOnWhenTheClockIsSetBack) {
  FlowClock clock(false);
  EXPECT_EQ(clock.at(kNoon), kNoon);
  EXPECT_EQ(clock.at(kNoon - 1h), kNoon);
  EXPECT_EQ(clock.at(kNoon - 1h + 5ms), kNoon + 5ms);
  EXPECT_EQ(clock.ahead(), 1h);
  EXPECT_EQ(clock.stepped(), kNoon);
}

TEST(FlowClock, WhereTicksComeAllTheTimeALeapIsAStep) {
  FlowClock clock(true);
  EXPECT_EQ(clock.at(kNoon), kNoon);
  EXPECT_EQ(clock.at(kNoon + 24h), kNoon);
  EXPECT_EQ(clock.at(kNoon + 24h + 5ms), kNoon + 5ms);
  EXPECT_EQ(clock.at(kNoon + 24h + 5s), kNoon + 5s);
}

TEST(FlowClock, InAFileALeapIsTimeThatPassed) {
  FlowClock clock(false);
  EXPECT_EQ(clock.at(kNoon), kNoon);
  EXPECT_EQ(clock.at(kNoon + 24h), kNoon + 24h);
}

TEST(FlowClock, PacketsOfTwoClocksMayMix) {
  for (const bool ticked : {false, true}) {
    for (const Duration step : {Duration(-1h), Duration(1h)}) {
      if (step > 0s && !ticked) continue;  // in a file that is time that passed
      FlowClock clock(ticked);
      for (int i = 0; i < 10'000; ++i) {
        const Duration passed = i * 10ms;
        const CaptureTime old_clock = clock.at(kNoon + passed);
        const CaptureTime new_clock = clock.at(kNoon + passed + step);
        ASSERT_LE(old_clock - (kNoon + passed), 1s) << i;
        ASSERT_GE(old_clock - (kNoon + passed), -1s) << i;
        ASSERT_LE(new_clock - old_clock, 1s) << i;
        ASSERT_GE(new_clock - old_clock, -1s) << i;
      }
    }
  }
}

TEST(FlowClock, InAFileThatWasSetBackTimeStillPasses) {
  FlowClock clock(false);
  EXPECT_EQ(clock.at(kNoon), kNoon);
  EXPECT_EQ(clock.at(kNoon - 1h), kNoon);
  EXPECT_EQ(clock.at(kNoon - 1h + 11s), kNoon + 11s);
  EXPECT_EQ(clock.at(kNoon + 11s), kNoon + 1h + 11s)
      << "the old clock was not heard of for too long to be meant";
}

TEST(FlowClock, RemembersWhatAPacketWasStampedWith) {
  FlowClock clock(true);
  const CaptureTime first = clock.at(kNoon);
  const uint16_t first_clock = clock.clock();
  const CaptureTime second = clock.at(kNoon - 1h);
  const uint16_t second_clock = clock.clock();
  EXPECT_NE(first_clock, second_clock);
  EXPECT_EQ(clock.stamp_of(first, first_clock), kNoon);
  EXPECT_EQ(clock.stamp_of(second, second_clock), kNoon - 1h);
}

TEST(FlowClock, StampsEndIn2116) {
  FlowClock clock(false);
  EXPECT_EQ(clock.at(CaptureTime()), CaptureTime());
  EXPECT_EQ(clock.at(CaptureTime::max()), kLatestStamp);
  EXPECT_EQ(clock.at(CaptureTime::min()), kLatestStamp) << "set back to 1970";
  EXPECT_EQ(clock.at(CaptureTime() + 1h), kLatestStamp) << "no time is later";
}

// Any stamps: no sum overflows (UBSan looks on), and no time goes back by more than a step.
TEST(FlowClock, HoldsForAnyStamps) {
  std::mt19937_64 random(7);
  for (const bool ticked : {false, true}) {
    FlowClock clock(ticked);
    CaptureTime newest = CaptureTime::min();
    for (int i = 0; i < 100'000; ++i) {
      const auto bits = static_cast<int64_t>(random());
      const CaptureTime stamp{Duration(bits >> (random() % 64))};
      const CaptureTime time = clock.at(stamp);
      ASSERT_LE(time, kLatestStamp + FlowClock::kStepMin);
      if (i > 0) {
        ASSERT_GE(time, newest - FlowClock::kStepMin);
        ASSERT_TRUE(!ticked || time <= newest + FlowClock::kStepMin);
      }
      ASSERT_EQ(clock.stamp_of(time, clock.clock()),
                std::clamp(stamp, kEarliestStamp, kLatestStamp));
      newest = std::min(std::max(newest, time), kLatestStamp);
    }
  }
}

}  // namespace
}  // namespace lossgazer
