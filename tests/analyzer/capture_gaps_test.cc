// When a source may have missed packets, and up to when that is known.

#include "analyzer/capture_gaps.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

constexpr CaptureTime kNoon{std::chrono::seconds(1'790'000'000)};

CaptureTime at(Duration since_noon) { return kNoon + since_noon; }

// A live source, open since noon, with its counters read until `known`.
CaptureGaps live(Duration known) {
  CaptureGaps gaps = CaptureGaps::not_told();
  gaps.resume(kNoon);
  gaps.set_known_until(at(known));
  return gaps;
}

bool missed(const CaptureGaps& gaps, Duration begin, Duration end) {
  return gaps.may_have_missed(at(begin), at(end));
}

TEST(CaptureGaps, FileMissedNothingAndAllIsKnown) {
  const CaptureGaps gaps;
  for (const CaptureTime time : {CaptureTime::min(), CaptureTime(), kNoon, CaptureTime::max()}) {
    EXPECT_TRUE(gaps.known(time));
    EXPECT_FALSE(gaps.may_have_missed(time, time));
  }
  EXPECT_FALSE(gaps.may_have_missed(CaptureTime::min(), CaptureTime::max()));
}

TEST(CaptureGaps, NothingIsKnownOfASourceNotToldOf) {
  const CaptureGaps gaps = CaptureGaps::not_told();
  for (const CaptureTime time : {CaptureTime(), kNoon, CaptureTime::max()}) {
    EXPECT_FALSE(gaps.known(time));
    EXPECT_TRUE(gaps.may_have_missed(time, time));
  }
}

TEST(CaptureGaps, EverythingWasMissedBeforeItWasOpened) {
  const CaptureGaps gaps = live(1s);
  EXPECT_TRUE(missed(gaps, -1h, -1h));
  EXPECT_TRUE(missed(gaps, 0s, 0s));
  EXPECT_TRUE(missed(gaps, -1s, 1s)) << "the range begins before";
  EXPECT_FALSE(missed(gaps, 1ns, 1s));
}

TEST(CaptureGaps, IsKnownUpToTheWatermark) {
  const CaptureGaps gaps = live(1s);
  EXPECT_TRUE(gaps.known(at(0s)));
  EXPECT_TRUE(gaps.known(at(1s)));
  EXPECT_FALSE(gaps.known(at(1s + 1ns)));
  EXPECT_FALSE(gaps.known(at(11s)));
}

TEST(CaptureGaps, RangesThatTouchAWindowMayHaveBeenMissed) {
  CaptureGaps gaps = live(10s);
  gaps.add(at(2s), at(3s));
  gaps.add(at(5s), at(5s));
  EXPECT_FALSE(missed(gaps, 1s, 2s - 1ns));
  EXPECT_TRUE(missed(gaps, 1s, 2s));
  EXPECT_TRUE(missed(gaps, 2500ms, 2600ms));
  EXPECT_TRUE(missed(gaps, 3s, 4s));
  EXPECT_FALSE(missed(gaps, 3s + 1ns, 5s - 1ns));
  EXPECT_TRUE(missed(gaps, 4s, 6s)) << "the window lies within";
  EXPECT_FALSE(missed(gaps, 5s + 1ns, 10s));
}

TEST(CaptureGaps, WindowsThatLieCloseAreOne) {
  CaptureGaps gaps = live(10s);
  gaps.add(at(2s), at(3s));
  gaps.add(at(3s) + CaptureGaps::kMergeWithin, at(4s));
  EXPECT_EQ(gaps.windows(), 2U) << "with the one before it was opened";
  EXPECT_TRUE(missed(gaps, 3s + 1ms, 3s + 2ms));
  gaps.add(at(4s) + CaptureGaps::kMergeWithin + 1ns, at(5s));
  EXPECT_EQ(gaps.windows(), 3U);
  EXPECT_FALSE(missed(gaps, 4s + 1ms, 4s + 2ms));
  gaps.add(at(6s), at(7s));
  gaps.add(at(1s), at(8s));  // over all of them
  EXPECT_EQ(gaps.windows(), 2U);
  gaps.add(at(2s), at(3s));  // within
  EXPECT_EQ(gaps.windows(), 2U);
  EXPECT_TRUE(missed(gaps, 8s, 8s));
  EXPECT_FALSE(missed(gaps, 8s + 1ns, 10s));
}

TEST(CaptureGaps, FullListJoinsItsOldestWindowsAndForgetsNone) {
  CaptureGaps gaps = live(1min);
  constexpr int kWindows = 3 * CaptureGaps::kMax;
  for (int i = 1; i <= kWindows; ++i) gaps.add(at(i * 100ms), at(i * 100ms + 1ms));
  EXPECT_EQ(gaps.windows(), CaptureGaps::kMax);
  for (int i = 1; i <= kWindows; ++i) EXPECT_TRUE(missed(gaps, i * 100ms, i * 100ms)) << i;
  EXPECT_TRUE(missed(gaps, 150ms, 151ms)) << "between two old ones: suspect";
  const int kept = static_cast<int>(CaptureGaps::kMax) - 2;
  for (int i = kWindows - kept; i < kWindows; ++i) {
    EXPECT_FALSE(missed(gaps, i * 100ms + 2ms, i * 100ms + 99ms)) << i;
  }
}

TEST(CaptureGaps, FullListTakesAWindowOfAnyAge) {
  CaptureGaps full;
  for (int i = 1; i <= static_cast<int>(CaptureGaps::kMax); ++i) {
    full.add(at(i * 1s), at(i * 1s + 1ms));
  }
  for (const Duration begin : {0ms, 1500ms, 2500ms, 31'500ms, 40'000ms}) {
    CaptureGaps gaps = full;
    gaps.add(at(begin), at(begin));
    EXPECT_LE(gaps.windows(), CaptureGaps::kMax);
    EXPECT_TRUE(missed(gaps, begin, begin));
    for (int i = 1; i <= static_cast<int>(CaptureGaps::kMax); ++i) {
      EXPECT_TRUE(missed(gaps, i * 1s, i * 1s)) << i;
    }
  }
}

// Whatever is added in whatever order: what lies in a window is suspect.
TEST(CaptureGaps, NoWindowIsEverLost) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    CaptureGaps gaps;
    std::vector<std::pair<Duration, Duration>> added;
    for (int i = 0; i < 100; ++i) {
      const Duration begin = random() % 20'000 * 1ms;
      const Duration end = begin + random() % 50 * 1ms;
      gaps.add(at(begin), at(end));
      added.emplace_back(begin, end);
    }
    for (const auto& [begin, end] : added) {
      EXPECT_TRUE(missed(gaps, begin, begin));
      EXPECT_TRUE(missed(gaps, end, end));
      EXPECT_TRUE(missed(gaps, begin - 1s, end + 1s));
    }
    EXPECT_LE(gaps.windows(), CaptureGaps::kMax);
  }
}

TEST(CaptureGaps, ClosedSourceMissesEverythingWhichIsKnown) {
  CaptureGaps gaps = live(5s);
  gaps.close(at(5s));
  EXPECT_FALSE(missed(gaps, 1s, 5s - 1ns));
  EXPECT_TRUE(missed(gaps, 1s, 5s));
  EXPECT_TRUE(missed(gaps, 100h, 100h));
  EXPECT_TRUE(gaps.known(at(100h)));
}

TEST(CaptureGaps, ReopenedSourceMissedTheTimeBetween) {
  CaptureGaps gaps = live(5s);
  gaps.add(at(1s), at(2s));
  gaps.close(at(5s));
  gaps.resume(at(60s));
  EXPECT_FALSE(gaps.known(at(61s)));
  gaps.set_known_until(at(70s));
  EXPECT_TRUE(missed(gaps, 1s, 2s)) << "what was missed before is not forgotten";
  EXPECT_FALSE(missed(gaps, 3s, 4s));
  EXPECT_TRUE(missed(gaps, 5s, 5s));
  EXPECT_TRUE(missed(gaps, 60s, 60s));
  EXPECT_FALSE(missed(gaps, 60s + 1ns, 70s));
}

TEST(CaptureGaps, TwoReadersMissedWhatEitherDidAndKnowWhatBothDo) {
  CaptureGaps gaps = live(5s);
  gaps.add(at(1s), at(2s));
  CaptureGaps other = live(4s);
  other.add(at(3s), at(3s));
  gaps.merge(other);
  EXPECT_TRUE(missed(gaps, 1s, 2s));
  EXPECT_TRUE(missed(gaps, 3s, 3s));
  EXPECT_FALSE(missed(gaps, 2s + 100ms, 2s + 900ms));
  EXPECT_TRUE(gaps.known(at(4s)));
  EXPECT_FALSE(gaps.known(at(4s + 1ns)));
  other.close(at(4s));
  gaps.merge(other);
  EXPECT_TRUE(missed(gaps, 4s, 5s)) << "a reader that ended misses its share";
  gaps.merge(CaptureGaps::not_told());
  EXPECT_FALSE(gaps.known(at(1s)));
}

TEST(CaptureGaps, ReopeningAfterTheClockWasSetBackForgetsWhatLiesAhead) {
  CaptureGaps gaps = live(1h);
  gaps.add(at(50min), at(51min));
  gaps.close(at(1h));
  gaps.resume(at(10min));
  gaps.set_known_until(at(11min));
  EXPECT_TRUE(missed(gaps, 10min, 10min));
  EXPECT_FALSE(missed(gaps, 10min + 1ns, 11min));
  gaps.set_known_until(at(2h));
  EXPECT_FALSE(missed(gaps, 11min, 2h));
}

TEST(CaptureGaps, WhatLiesBeyondTheHorizonNeitherWaitsNorCounts) {
  const CaptureGaps gaps = live(1s);
  const Duration horizon = 1s + CaptureGaps::kHorizon;
  EXPECT_FALSE(gaps.known(at(horizon)));
  EXPECT_TRUE(gaps.known(at(horizon + 1ns)));
  EXPECT_TRUE(missed(gaps, 500ms, horizon + 1ns));
  EXPECT_TRUE(missed(gaps, horizon + 1ns, horizon + 1ns));
}

TEST(CaptureGaps, ClockSetBackFarLeavesNoneWaitingAndNoneSuspectLater) {
  CaptureGaps gaps = live(2h);
  gaps.add(at(2h - 2s), at(2h - 1s));
  gaps.set_known_until(at(1h));
  EXPECT_TRUE(gaps.known(at(2h - 3s))) << "of before the clock was set";
  EXPECT_TRUE(missed(gaps, 2h - 3s, 2h - 3s)) << "and nothing vouches for it";
  EXPECT_FALSE(gaps.known(at(1h + 1s))) << "the watermark went back too";
  EXPECT_FALSE(missed(gaps, 1h - 1s, 1h));
  gaps.set_known_until(at(2h));  // that hour is over
  EXPECT_FALSE(missed(gaps, 2h - 2s, 2h - 1s));
}

TEST(CaptureGaps, ClockSetBackALittleKeepsTheWindowsOfBothTimes) {
  CaptureGaps gaps = live(60s);
  gaps.add(at(58s), at(59s));
  gaps.set_known_until(at(55s));
  EXPECT_FALSE(gaps.known(at(59s))) << "it waits, for as long as the clock went back at most";
  gaps.set_known_until(at(60s));
  EXPECT_TRUE(gaps.known(at(59s)));
  EXPECT_TRUE(missed(gaps, 58s, 59s));
}

// A machine whose clock runs a year ahead when it starts, and is then set right.
TEST(CaptureGaps, OpeningByAWrongClockDoesNotMakeAYearSuspect) {
  CaptureGaps gaps = CaptureGaps::not_told();
  gaps.resume(at(24h * 365));
  gaps.set_known_until(at(24h * 365 + 1s));
  gaps.set_known_until(kNoon);
  gaps.set_known_until(at(1min));
  EXPECT_FALSE(missed(gaps, 1ns + CaptureGaps::kHorizon, 1min));
}

TEST(CaptureGaps, EndsOfTheClockAreNoTrouble) {
  CaptureGaps gaps = live(1s);
  gaps.add(CaptureTime::max(), CaptureTime::max());
  gaps.add(CaptureTime::min(), CaptureTime::min());
  EXPECT_TRUE(gaps.may_have_missed(CaptureTime::max(), CaptureTime::max()));
  EXPECT_TRUE(gaps.may_have_missed(CaptureTime::min(), CaptureTime::min()));
  EXPECT_TRUE(gaps.known(CaptureTime::max()));
  gaps.set_known_until(CaptureTime::max());
  gaps.set_known_until(kNoon);
  EXPECT_FALSE(missed(gaps, 1ns, 1ns));
}

TEST(SourceGaps, SourcesAreFilesUntilTheFirstIsToldOf) {
  SourceGaps gaps;
  EXPECT_TRUE(gaps.of(0).known(kNoon));
  EXPECT_FALSE(gaps.of(UINT16_MAX).may_have_missed(kNoon, kNoon));
  gaps.set({});
  EXPECT_FALSE(gaps.of(0).known(kNoon)) << "live, and not heard of";
  gaps.set({live(1s), live(2s)});
  EXPECT_EQ(gaps.of(0).known_until(), at(1s));
  EXPECT_EQ(gaps.of(1).known_until(), at(2s));
  EXPECT_FALSE(gaps.of(2).known(kNoon));
}

}  // namespace
}  // namespace lossgazer
