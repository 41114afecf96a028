// The numbers that are missing: filled, cut, limited, and due.

#include "analyzer/id_gap_list.h"

#include <gmock/gmock.h>

#include <array>
#include <utility>
#include <vector>

#include "analyzer/ip_id_mode.h"

namespace lossgazer::test {
namespace {

using testing::ElementsAre;
using testing::Pair;
using namespace std::chrono_literals;

IdGap gap_of(uint32_t first, uint16_t count, CaptureTime opened = {}) {
  IdGap gap;
  gap.first = first;
  gap.count = count;
  gap.opened = opened;
  return gap;
}

// Gaps as {first number, count}, in their order; takes them all.
std::vector<std::pair<uint32_t, int>> drained(IdGapList& gaps, Pool<IdGap>& pool) {
  std::vector<std::pair<uint32_t, int>> left;
  while (!gaps.empty()) {
    const IdGap gap = gaps.take_oldest(pool);
    left.emplace_back(gap.first, gap.count);
  }
  EXPECT_EQ(pool.used(), 0u);
  return left;
}

class IdGaps : public testing::Test {
 protected:
  IdGaps() {
    EXPECT_TRUE(gaps_.open(pool_, gap_of(10, 10)));
    EXPECT_TRUE(gaps_.open(pool_, gap_of(30, 5)));
  }
  Pool<IdGap> pool_{1024};
  IdGapList gaps_;
};

TEST_F(IdGaps, NumberInTheMiddleCutsAGapInTwo) {
  EXPECT_EQ(gaps_.fill(pool_, 15, 1), 1u);
  EXPECT_FALSE(gaps_.contains(pool_, 15));
  EXPECT_TRUE(gaps_.contains(pool_, 14));
  EXPECT_TRUE(gaps_.contains(pool_, 16));
  EXPECT_EQ(gaps_.missing(pool_), 14u);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(10, 5), Pair(16, 4), Pair(30, 5)));
}

TEST(IdGapShare, AGapThatIsCutLosesNoMoreThanBefore) {
  Pool<IdGap> pool{16};
  IdGapList gaps;
  IdGap gap = gap_of(10, 10);
  gap.lost = 7;
  ASSERT_TRUE(gaps.open(pool, gap));
  gaps.fill(pool, 14, 1);
  const IdGap lower = gaps.take_oldest(pool);
  const IdGap upper = gaps.take_oldest(pool);
  EXPECT_EQ((std::array{lower.count, upper.count}), (std::array<uint16_t, 2>{4, 5}));
  EXPECT_EQ((std::array{lower.lost, upper.lost}), (std::array<uint16_t, 2>{4, 3}));
}

TEST_F(IdGaps, NumbersAtBothEndsShortenAGap) {
  EXPECT_EQ(gaps_.fill(pool_, 10, 2), 2u);
  EXPECT_EQ(gaps_.fill(pool_, 19, 1), 1u);
  EXPECT_EQ(gaps_.fill(pool_, 9, 1), 0u);
  EXPECT_EQ(gaps_.fill(pool_, 20, 10), 0u);
  EXPECT_EQ(gaps_.fill(pool_, 35, 1), 0u);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(12, 7), Pair(30, 5)));
}

TEST_F(IdGaps, NumbersOfASuperPacketSpanGaps) {
  EXPECT_EQ(gaps_.fill(pool_, 15, 17), 5u + 2);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(10, 5), Pair(32, 3)));
}

TEST_F(IdGaps, GapsThatAreFilledWholeAreGone) {
  EXPECT_EQ(gaps_.fill(pool_, 30, 5), 5u);
  EXPECT_TRUE(gaps_.open(pool_, gap_of(40, 1)));
  EXPECT_EQ(gaps_.newest(pool_).first, 40u);
  EXPECT_EQ(gaps_.fill(pool_, 0, 100), 11u);
  EXPECT_TRUE(gaps_.empty());
  EXPECT_EQ(pool_.used(), 0u);
}

TEST_F(IdGaps, PositionsGoRound) {
  gaps_.clear(pool_);
  EXPECT_TRUE(gaps_.open(pool_, gap_of(0xfffffffe, 4)));
  EXPECT_TRUE(gaps_.contains(pool_, 1));
  EXPECT_FALSE(gaps_.contains(pool_, 2));
  EXPECT_EQ(gaps_.fill(pool_, 0xffffffff, 2), 2u);
  EXPECT_THAT(drained(gaps_, pool_), ElementsAre(Pair(0xfffffffe, 1), Pair(1, 1)));
}

TEST_F(IdGaps, LimitHoldsForOpeningAndForCutting) {
  for (uint32_t i = gaps_.size(); i < IdGapList::kMax; ++i) {
    EXPECT_FALSE(gaps_.full());
    EXPECT_TRUE(gaps_.open(pool_, gap_of(100 + 10 * i, 5)));
  }
  EXPECT_TRUE(gaps_.full());
  EXPECT_FALSE(gaps_.open(pool_, gap_of(100000, 5)));
  // No room for the upper part: its numbers are forgotten, and not counted.
  EXPECT_EQ(gaps_.fill(pool_, 15, 1), 1u);
  EXPECT_EQ(gaps_.size(), IdGapList::kMax);
  EXPECT_FALSE(gaps_.contains(pool_, 16));
  const IdGap oldest = gaps_.take_oldest(pool_);
  EXPECT_EQ(oldest.count, 5);
  gaps_.clear(pool_);
}

TEST_F(IdGaps, GraceIsASecondOrManyNumbers) {
  const CaptureTime start{std::chrono::hours(1)};
  gaps_.clear(pool_);
  EXPECT_FALSE(gaps_.is_due(pool_, start, 0));
  EXPECT_TRUE(gaps_.open(pool_, gap_of(10, 1, start)));
  EXPECT_FALSE(gaps_.is_due(pool_, start + 1s, 20));
  EXPECT_TRUE(gaps_.is_due(pool_, start + 1001ms, 20));
  EXPECT_FALSE(gaps_.is_due(pool_, start, 10 + IpIdMode::kHorizon));
  EXPECT_TRUE(gaps_.is_due(pool_, start, 11 + IpIdMode::kHorizon));
  gaps_.clear(pool_);
}

}  // namespace
}  // namespace lossgazer::test
