// From counters and clocks to windows of capture time.

#include "capture/drop_watch.h"

#include <gtest/gtest.h>

#include <optional>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

constexpr CaptureTime kNoon{std::chrono::seconds(1'790'000'000)};
constexpr Duration kBefore = DropWatch::kStampToCount;

// A source opened at noon, and the clocks it is read by: `steady` times are since then, and so are
// the wall's while it is not set.
class Watched {
 public:
  // A reading that took a millisecond, of a source that keeps up.
  Watched& read(Duration steady, uint64_t kernel_drops = 0, uint64_t interface_drops = 0,
                std::optional<Duration> handed_on = {}) {
    const ClockReading before = clock(steady);
    watch_.on_reading({.before = before,
                       .after = clock(steady + 1ms),
                       .kernel_drops = kernel_drops,
                       .interface_drops = interface_drops,
                       .handed_on = handed_on ? kNoon + *handed_on : before.wall});
    return *this;
  }
  Watched& set_clock(Duration ahead) {
    ahead_ = ahead;
    return *this;
  }
  Watched& end(bool vanished) {
    watch_.on_end(vanished);
    return *this;
  }
  Watched& refuse(Duration first, Duration last) {
    watch_.on_refusal(kNoon + first, kNoon + last);
    return *this;
  }
  [[nodiscard]] bool missed(Duration begin, Duration end) const {
    return gaps().may_have_missed(kNoon + begin, kNoon + end);
  }
  [[nodiscard]] bool known(Duration time) const { return gaps().known(kNoon + time); }
  [[nodiscard]] const CaptureGaps& gaps() const { return watch_.gaps(); }

 private:
  [[nodiscard]] ClockReading clock(Duration steady) const {
    return {.wall = kNoon + steady + ahead_, .steady = 5h + steady};
  }

  Duration ahead_{};
  DropWatch watch_{CaptureGaps::not_told(), {.wall = kNoon, .steady = 5h}};
};

TEST(DropWatch, CountersThatRestLeaveNoWindow) {
  Watched source;
  for (Duration time = 0ms; time <= 60s; time += 200ms) source.read(time);
  EXPECT_FALSE(source.missed(1ms, 60s));
  EXPECT_TRUE(source.known(60s - kBefore));
  EXPECT_FALSE(source.known(60s - kBefore + 1ns));
}

TEST(DropWatch, DropsLieBetweenTheClocksAroundTwoReadings) {
  Watched source;
  source.read(200ms).read(400ms).read(600ms, 3).read(800ms, 3);
  EXPECT_FALSE(source.missed(1ms, 400ms - kBefore - 1ns));
  EXPECT_TRUE(source.missed(400ms - kBefore, 400ms - kBefore));
  EXPECT_TRUE(source.missed(601ms, 601ms)) << "until after the reading";
  EXPECT_FALSE(source.missed(601ms + 1ns, 780ms));
}

TEST(DropWatch, NoLaterWindowBeginsBeforeWhatWasKnown) {
  Watched source;
  source.read(200ms);
  const CaptureTime known = source.gaps().known_until();
  const Duration clean = known - kNoon - 1ns;
  EXPECT_FALSE(source.missed(clean, clean));
  source.read(400ms, 1);
  EXPECT_FALSE(source.missed(clean, clean)) << "it was said to be known";
  EXPECT_TRUE(source.missed(clean + 1ns, clean + 1ns));
}

TEST(DropWatch, DropsBeforeTheFirstReadingAreNotOverlooked) {
  Watched source;
  source.read(200ms, 1);
  EXPECT_TRUE(source.missed(100ms, 100ms));
}

// The card's driver may have learned of its drops long after.
TEST(DropWatch, DropsOfTheCardReachFurtherBack) {
  Watched source;
  for (Duration time = 200ms; time <= 10s; time += 200ms) source.read(time);
  source.read(10'200ms, 0, 1);
  EXPECT_FALSE(source.missed(1ms, 7'900ms));
  EXPECT_TRUE(source.missed(8s, 8s));
  EXPECT_TRUE(source.missed(10'200ms, 10'200ms));
}

TEST(DropWatch, RefusedBatchesAreWindows) {
  Watched source;
  source.read(200ms).refuse(250ms, 260ms).read(400ms);
  EXPECT_FALSE(source.missed(1ms, 249ms));
  EXPECT_TRUE(source.missed(250ms, 250ms));
  EXPECT_TRUE(source.missed(260ms, 260ms));
  EXPECT_FALSE(source.missed(261ms, 380ms));
}

// The queue may yet refuse what still lies in the ring.
TEST(DropWatch, NothingIsKnownOfWhatWasNotReadYet) {
  Watched source;
  source.read(10s, 0, 0, 3s);
  EXPECT_TRUE(source.known(3s - kBefore));
  EXPECT_FALSE(source.known(3s));
  source.refuse(3500ms, 3501ms).read(10'200ms, 0, 0, 9s);
  EXPECT_TRUE(source.known(3501ms));
  EXPECT_TRUE(source.missed(3500ms, 3501ms));
}

TEST(DropWatch, FallingBehindTakesNothingBack) {
  Watched source;
  source.read(10s).read(10'200ms, 0, 0, 9s);
  EXPECT_TRUE(source.known(10s - kBefore));
}

TEST(DropWatch, ClockSetBackTakesTheWatermarkAlong) {
  Watched source;
  source.read(1h).set_clock(-30min).read(1h + 200ms);
  EXPECT_FALSE(source.known(30min + 201ms));
  EXPECT_TRUE(source.known(1h)) << "nothing waits for the old time to come again";
  EXPECT_TRUE(source.missed(1h, 1h));
  for (Duration time = 1h + 400ms; time <= 2h; time += 200ms) source.read(time);
  EXPECT_TRUE(source.known(89min));
  EXPECT_FALSE(source.missed(31min, 89min));
}

TEST(DropWatch, ClockSetBackALittleOnlyWaitsForThatLong) {
  Watched source;
  source.read(1h).set_clock(-3s).read(1h + 200ms);
  EXPECT_FALSE(source.known(1h - 1s));
  source.read(1h + 3200ms);
  EXPECT_TRUE(source.known(1h - 1s));
  EXPECT_FALSE(source.missed(1ms, 1h + 180ms));
}

TEST(DropWatch, DropsWhileTheClockWasSetBackAreSuspectInBothTimes) {
  Watched source;
  source.read(1h).set_clock(-3s).read(1h + 200ms, 1);
  EXPECT_TRUE(source.missed(1h + 100ms, 1h + 100ms));
  EXPECT_TRUE(source.missed(1h - 3s + 100ms, 1h - 3s + 100ms));
  EXPECT_FALSE(source.missed(1h - 2700ms, 1h - 100ms));
}

TEST(DropWatch, DropsWhileTheClockWasSetForwardAreSuspectInBothTimes) {
  Watched source;
  source.read(1h).set_clock(24h).read(1h + 200ms, 1).read(1h + 400ms, 1);
  EXPECT_TRUE(source.missed(1h + 100ms, 1h + 100ms));
  EXPECT_TRUE(source.missed(25h + 100ms, 25h + 100ms));
  EXPECT_FALSE(source.missed(25h + 202ms, 25h + 380ms));
  EXPECT_TRUE(source.known(25h + 380ms));
}

// Suspended for an hour: the steady clock stood still, the packets of before were not read yet.
TEST(DropWatch, PacketsStampedLongAfterTheLastReadingDoNotCount) {
  Watched source;
  source.read(1s);
  EXPECT_TRUE(source.known(1h));
  EXPECT_TRUE(source.missed(1h, 1h));
  source.set_clock(1h).read(1200ms);
  EXPECT_FALSE(source.missed(1h, 1h));
}

TEST(DropWatch, StoppedSourceMissesAllFromItsLastReadingOn) {
  Watched source;
  source.read(1s).read(1200ms).end(false);
  EXPECT_TRUE(source.known(10h));
  EXPECT_FALSE(source.missed(1ms, 1200ms - kBefore - 1ns));
  EXPECT_TRUE(source.missed(1200ms, 1200ms));
}

// The last reading was of an interface that was there no more: it says nothing.
TEST(DropWatch, VanishedSourceMayHaveMissedPacketsSinceItWasLastThere) {
  Watched source;
  source.read(1s).read(1200ms).end(true);
  EXPECT_FALSE(source.missed(1ms, 1s - kBefore - 1ns));
  EXPECT_TRUE(source.missed(1s, 1s));
}

TEST(DropWatch, ReopenedSourceMissedTheTimeBetween) {
  Watched source;
  source.read(1s).end(true);
  DropWatch again(source.gaps(), {.wall = kNoon + 1min, .steady = 1h});
  again.on_reading({.before = {.wall = kNoon + 70s, .steady = 1h + 10s},
                    .after = {.wall = kNoon + 70s, .steady = 1h + 10s},
                    .handed_on = kNoon + 70s});
  EXPECT_TRUE(again.gaps().may_have_missed(kNoon + 30s, kNoon + 30s));
  EXPECT_FALSE(again.gaps().may_have_missed(kNoon + 1min + 1ns, kNoon + 69s));
  EXPECT_TRUE(again.gaps().known(kNoon + 69s));
}

}  // namespace
}  // namespace lossgazer
