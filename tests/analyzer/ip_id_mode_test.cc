// What a counter of identification numbers is good for, step by step.

#include "analyzer/ip_id_mode.h"

#include <gtest/gtest.h>

namespace lossgazer::test {
namespace {

IpIdMode::Census add(IpIdMode& mode, uint16_t ip_id, const IpIdMode::Skip& skip = {},
                     uint16_t packets = 1) {
  return mode.add(ip_id, packets, mode.step_to(ip_id), skip);
}

TEST(IpIdModes, ThreeStepsThatLeaveNothingOutBeginTheCensus) {
  IpIdMode mode;
  EXPECT_EQ(mode.step_to(7).kind, IdStep::Kind::kUnknown);
  for (uint16_t ip_id = 7; ip_id < 10; ++ip_id)
    EXPECT_EQ(add(mode, ip_id), IpIdMode::Census::kGoesOn);
  EXPECT_FALSE(mode.census_holds());
  EXPECT_EQ(add(mode, 10), IpIdMode::Census::kBegins);
  EXPECT_TRUE(mode.census_holds());
  EXPECT_EQ(mode.numbers_since_base(), 4u);
}

TEST(IpIdModes, StepsAreMeasuredFromTheLastNumberOfASuperPacket) {
  IpIdMode mode;
  add(mode, 100, {}, 4);
  EXPECT_EQ(mode.step_to(104).skipped, 0);
  EXPECT_EQ(mode.step_to(106).skipped, 2);
  EXPECT_EQ(mode.step_to(103).kind, IdStep::Kind::kNext);
  EXPECT_EQ(mode.step_to(100).kind, IdStep::Kind::kPast);
}

TEST(IpIdModes, HorizonIsAQuarterOfTheNumbers) {
  IpIdMode mode;
  add(mode, 100);
  EXPECT_EQ(mode.step_to(100 + IpIdMode::kHorizon).kind, IdStep::Kind::kNext);
  EXPECT_EQ(mode.step_to(101 + IpIdMode::kHorizon).kind, IdStep::Kind::kJump);
  EXPECT_EQ(mode.step_to(static_cast<uint16_t>(101 - IpIdMode::kHorizon)).kind,
            IdStep::Kind::kPast);
  EXPECT_EQ(mode.step_to(static_cast<uint16_t>(100 - IpIdMode::kHorizon)).kind,
            IdStep::Kind::kJump);
}

TEST(IpIdModes, ZeroCountsOnlyWhereTheCounterGoesRound) {
  IpIdMode mode;
  add(mode, 0);
  EXPECT_EQ(mode.step_to(1).kind, IdStep::Kind::kUnknown);
  add(mode, 65535);
  EXPECT_EQ(mode.step_to(0).kind, IdStep::Kind::kNext);
  EXPECT_EQ(mode.step_to(0).skipped, 0);
  add(mode, 0);
  EXPECT_EQ(mode.step_to(0).kind, IdStep::Kind::kUnknown);
  EXPECT_EQ(mode.step_to(1).skipped, 0);
}

TEST(IpIdModes, PositionsGrowWhenTheCounterGoesRound) {
  IpIdMode mode;
  uint32_t last = 0;
  for (uint32_t i = 0; i < 200'000; ++i) {
    const auto ip_id = static_cast<uint16_t>(65000 + i);
    const IdStep step = mode.step_to(ip_id);
    if (i > 0) {
      ASSERT_EQ(step.position, last + 1) << i;
    }
    mode.add(ip_id, 1, step, {});
    last = mode.newest_position();
  }
  EXPECT_EQ(mode.numbers_since_base(), 200'000u);
  EXPECT_TRUE(mode.is_since_base(last));
}

TEST(IpIdModes, PositionBeforeTheBaseIsNotSinceIt) {
  IpIdMode mode;
  for (uint16_t ip_id = 5; ip_id < 10; ++ip_id) add(mode, ip_id);
  EXPECT_TRUE(mode.is_since_base(mode.step_to(5).position));
  EXPECT_FALSE(mode.is_since_base(mode.step_to(4).position));
  EXPECT_FALSE(mode.is_since_base(mode.step_to(65530).position));
}

TEST(IpIdModes, SharedForGoodOnceASiblingWasSeenThreeTimes) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int strikes = 1; strikes <= 3; ++strikes) {
    for (int i = 0; i < 20; ++i) add(mode, ip_id++);
    EXPECT_TRUE(mode.census_holds()) << "counters may come close by chance";
    ip_id = static_cast<uint16_t>(ip_id + 2);
    add(mode, static_cast<uint16_t>(ip_id - 1), {.shared = true});
  }
  EXPECT_FALSE(mode.census_holds());
  for (int i = 0; i < 200; ++i) EXPECT_EQ(add(mode, ip_id++), IpIdMode::Census::kGoesOn);
  EXPECT_FALSE(mode.may_be_own());
  EXPECT_TRUE(mode.sequential()) << "order it still tells";
}

// A sibling now and then, among gaps of the flow's own, is chance.
TEST(IpIdModes, GapsOfItsOwnSpeakAgainstSiblings) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int i = 0; i < 20; ++i) add(mode, ip_id++);
  for (int round = 0; round < 50; ++round) {
    for (const bool shared : {true, false, false}) {
      for (int i = 0; i < 20; ++i) add(mode, ip_id++);
      ip_id = static_cast<uint16_t>(ip_id + 2);
      add(mode, static_cast<uint16_t>(ip_id - 1), {.owed_acks = 1, .shared = shared});
    }
  }
  EXPECT_TRUE(mode.census_holds());
}

// Much reordering: as many numbers are missing at a time as once were late.
TEST(IpIdModes, LateNumbersEarnTrustForMore) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int i = 0; i < 20; ++i) add(mode, ip_id++);
  for (int round = 0; round < 20; ++round) {
    add(mode, static_cast<uint16_t>(ip_id + 1), {.owed_acks = 1});
    add(mode, ip_id, {.filled = true});
    ip_id = static_cast<uint16_t>(ip_id + 2);
  }
  const auto miss = [&] { add(mode, ip_id = static_cast<uint16_t>(ip_id + 2), {.owed_acks = 1}); };
  for (int i = 0; i < 20; ++i) miss();
  EXPECT_TRUE(mode.census_holds());
  for (int i = 0; i < 30; ++i) miss();
  EXPECT_FALSE(mode.census_holds()) << "numbers that never come cost what was earned";
}

// A census that failed before asks for more trust, and then has more to lose.
TEST(IpIdModes, SiblingEndsTheCensusWhateverTrustItHas) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  for (int failures = 0; failures < 5; ++failures) {
    for (int i = 0; i < 100; ++i) add(mode, ip_id++);
    ASSERT_TRUE(mode.census_holds());
    while (mode.census_holds()) add(mode, ip_id = static_cast<uint16_t>(ip_id + 20000));
    ++ip_id;
  }
  for (int i = 0; i < 100; ++i) add(mode, ip_id++);
  ASSERT_TRUE(mode.census_holds());
  for (int strikes = 0; strikes < 3; ++strikes) {
    EXPECT_TRUE(mode.census_holds());
    add(mode, ip_id = static_cast<uint16_t>(ip_id + 2), {.shared = true});
  }
  EXPECT_FALSE(mode.census_holds());
}

TEST(IpIdModes, FirstLossesOfACounterDoNotEndItsCensus) {
  IpIdMode mode;
  uint16_t ip_id = 100;
  while (!mode.census_holds()) add(mode, ++ip_id);
  for (int i = 0; i < 4; ++i) add(mode, ip_id = static_cast<uint16_t>(ip_id + 2), {.owed_acks = 1});
  EXPECT_TRUE(mode.census_holds());
  add(mode, ip_id = static_cast<uint16_t>(ip_id + 2), {.owed_acks = 1});
  EXPECT_FALSE(mode.census_holds());
}

// Two packets that nothing asked for, and no more.
TEST(IpIdModes, MoreThanItsSenderCanHaveSentIsAJump) {
  IpIdMode few;
  IpIdMode many;
  for (uint16_t ip_id = 100; ip_id < 108; ++ip_id) {
    add(few, ip_id);
    add(many, ip_id);
  }
  add(few, 108 + 5, {.owed_acks = 2, .repeats = 1});
  EXPECT_TRUE(few.census_holds());
  add(many, 108 + 6, {.owed_acks = 2, .repeats = 1});
  EXPECT_FALSE(many.census_holds());
}

TEST(IpIdModes, LateNumberGivesBackTheTrustItsGapTook) {
  IpIdMode mode;
  for (uint16_t ip_id = 100; ip_id < 104; ++ip_id) add(mode, ip_id);
  for (uint16_t ip_id = 105; ip_id < 165; ip_id = static_cast<uint16_t>(ip_id + 2)) {
    ASSERT_NE(add(mode, ip_id, {.owed_acks = 1}), IpIdMode::Census::kEnds) << ip_id;
    ASSERT_EQ(add(mode, static_cast<uint16_t>(ip_id - 1), {.filled = true}),
              IpIdMode::Census::kGoesOn);
  }
  EXPECT_TRUE(mode.census_holds());
}

}  // namespace
}  // namespace lossgazer::test
