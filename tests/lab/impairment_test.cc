#include "tests/lab/impairment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace lossgazer::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kPackets = 20'000;
constexpr size_t kBytes = 1250;  // 10 ms at 1 Mbit/s

Stretch stretch(const char* impairment, uint64_t seed = 1) {
  return {Impairment::parse(impairment), seed};
}

// The fates of packets that enter a microsecond apart.
std::vector<Stretch::Fate> enter_many(Stretch& stretch, bool are_pure_acks = false) {
  std::vector<Stretch::Fate> fates;
  for (int i = 0; i < kPackets; ++i) {
    fates.push_back(stretch.enter(std::chrono::microseconds(i), kBytes, are_pure_acks));
  }
  return fates;
}

int lost(const std::vector<Stretch::Fate>& fates) {
  int count = 0;
  for (const Stretch::Fate& fate : fates) count += fate.arrivals.empty() ? 1 : 0;
  return count;
}

// How many arrive before a packet that entered before them.
int overtaking(const std::vector<Stretch::Fate>& fates) {
  int count = 0;
  Nanoseconds latest{};
  for (const Stretch::Fate& fate : fates) {
    if (fate.arrivals.empty()) continue;
    count += fate.arrivals.front() < latest ? 1 : 0;
    latest = std::max(latest, fate.arrivals.front());
  }
  return count;
}

TEST(Stretch, WithoutImpairmentPacketsArriveAtOnceAndOnce) {
  Stretch plain = stretch("");
  const Stretch::Fate fate = plain.enter(seconds(5), kBytes, false);
  EXPECT_EQ(fate.loss, Stretch::Loss::kNone);
  EXPECT_THAT(fate.arrivals, ElementsAre(seconds(5)));
}

TEST(Stretch, DelayIsAdded) {
  Stretch far = stretch("delay=10ms");
  EXPECT_THAT(far.enter(seconds(5), kBytes, false).arrivals, ElementsAre(milliseconds(5010)));
}

TEST(Stretch, LosesTheShare) {
  Stretch lossy = stretch("loss=0.1");
  EXPECT_NEAR(lost(enter_many(lossy)), kPackets / 10, kPackets / 100);
}

TEST(Stretch, LosesOnlyItsVictims) {
  Stretch acks = stretch("loss=0.1,acks");
  EXPECT_EQ(lost(enter_many(acks, false)), 0);
  EXPECT_GT(lost(enter_many(acks, true)), 0);
  Stretch data = stretch("loss=0.1,data");
  EXPECT_EQ(lost(enter_many(data, true)), 0);
  EXPECT_GT(lost(enter_many(data, false)), 0);
}

TEST(Stretch, LosesInBursts) {
  Stretch bursts = stretch("burst=0.001,burst_length=10");
  const std::vector<Stretch::Fate> fates = enter_many(bursts);
  int begun = 0;
  for (size_t i = 1; i < fates.size(); ++i) {
    begun += fates[i].arrivals.empty() && !fates[i - 1].arrivals.empty() ? 1 : 0;
  }
  ASSERT_GT(begun, 0);
  EXPECT_GT(lost(fates), 4 * begun);
}

TEST(Stretch, QueueLosesWhatIsTooMuchAndSpreadsTheRest) {
  Stretch narrow = stretch("rate=1000000,queue=2");
  EXPECT_THAT(narrow.enter(seconds(0), kBytes, false).arrivals, ElementsAre(milliseconds(10)));
  EXPECT_THAT(narrow.enter(seconds(0), kBytes, false).arrivals, ElementsAre(milliseconds(20)));
  const Stretch::Fate third = narrow.enter(seconds(0), kBytes, false);
  EXPECT_EQ(third.loss, Stretch::Loss::kQueue);
  EXPECT_THAT(third.arrivals, IsEmpty());
  EXPECT_THAT(narrow.enter(milliseconds(10), kBytes, false).arrivals,
              ElementsAre(milliseconds(30)));
}

TEST(Stretch, CopiesArriveNoEarlierThanTheFirst) {
  Stretch copying = stretch("duplicate=0.1,copy_delay=2ms");
  int copies = 0;
  for (const Stretch::Fate& fate : enter_many(copying)) {
    if (fate.arrivals.size() == 1) continue;
    ASSERT_EQ(fate.arrivals.size(), 2U);
    EXPECT_GE(fate.arrivals[1], fate.arrivals[0]);
    EXPECT_LE(fate.arrivals[1], fate.arrivals[0] + milliseconds(2));
    ++copies;
  }
  EXPECT_NEAR(copies, kPackets / 10, kPackets / 100);
}

TEST(Stretch, JitterAloneKeepsTheOrder) {
  Stretch jittery = stretch("delay=1ms,jitter=5ms");
  EXPECT_EQ(overtaking(enter_many(jittery)), 0);
}

TEST(Stretch, ShuffledPacketsAndThoseHeldBackAreOvertaken) {
  Stretch shuffled = stretch("delay=1ms,jitter=5ms,shuffle");
  EXPECT_GT(overtaking(enter_many(shuffled)), kPackets / 2);
  Stretch held = stretch("reorder=0.01,reorder_delay=5ms");
  EXPECT_GT(overtaking(enter_many(held)), 0);
}

TEST(Stretch, SeedDecides) {
  const auto losses = [](uint64_t seed) {
    Stretch lossy = stretch("loss=0.1", seed);
    std::vector<bool> are_lost;
    for (const Stretch::Fate& fate : enter_many(lossy)) are_lost.push_back(fate.arrivals.empty());
    return are_lost;
  };
  EXPECT_EQ(losses(1), losses(1));
  EXPECT_NE(losses(1), losses(2));
}

TEST(Impairment, NamesWhatItDoesNotKnow) {
  EXPECT_THROW((void)Impairment::parse("los=0.1"), std::invalid_argument);
  EXPECT_THROW((void)Impairment::parse("delay=10"), std::invalid_argument);
}

}  // namespace
}  // namespace lossgazer::lab
