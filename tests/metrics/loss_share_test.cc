#include "metrics/loss_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lossgazer {
namespace {

using testing::DoubleNear;
using testing::SizeIs;

LossCounters inferred(uint64_t lost, uint64_t segments) {
  LossCounters counted;
  counted.packets = segments;
  counted.data_segments = segments;
  counted.lost(Side::kAfter, LossMethod::kSequence) = lost;
  return counted;
}

TEST(LossShare, DenominatorsAreTheContracts) {
  LossCounters counted;
  counted.data_segments = 50;
  counted.census_packets = 90;
  counted.lost(Side::kBefore, LossMethod::kCensus) = 10;
  counted.lost(Side::kBefore, LossMethod::kSequence) = 1;
  counted.lost(Side::kAfter, LossMethod::kSequence) = 5;
  const std::vector<LossShare> shares = loss_shares(counted);
  ASSERT_THAT(shares, SizeIs(3));
  EXPECT_EQ(shares[0].lost, 10u);
  EXPECT_EQ(shares[0].of, 100u);  // 90 came, 10 did not
  EXPECT_DOUBLE_EQ(shares[0].ratio(), 0.1);
  EXPECT_EQ(shares[1].side, Side::kBefore);
  EXPECT_EQ(shares[1].of, 50u);
  EXPECT_EQ(shares[2].side, Side::kAfter);
  EXPECT_EQ(shares[2].method, LossMethod::kSequence);
  EXPECT_DOUBLE_EQ(shares[2].ratio(), 0.1);
}

TEST(LossShare, LittleEvidenceWeighsLittle) {
  EXPECT_GT(rank_weight(inferred(500, 10'000)), rank_weight(inferred(1, 2)));
  EXPECT_GT(rank_weight(inferred(5, 10)), rank_weight(inferred(1, 2)));
  EXPECT_GT(rank_weight(inferred(200, 10'000)), rank_weight(inferred(100, 10'000)));
  EXPECT_THAT(rank_weight(inferred(50'000, 1'000'000)), DoubleNear(0.05, 1e-4));
  EXPECT_EQ(rank_weight(inferred(0, 10'000)), 0);
}

TEST(LossShare, WorstIsTheOneBestKnown) {
  LossCounters counted = inferred(500, 10'000);
  counted.census_packets = 1;
  counted.lost(Side::kBefore, LossMethod::kCensus) = 1;
  EXPECT_EQ(worst_share(counted).value().lost, 500u);
  EXPECT_EQ(worst_share(counted, Side::kBefore).value().lost, 1u);
  EXPECT_EQ(worst_share(inferred(0, 100)), std::nullopt);
}

TEST(LossShare, LossKnownLateIsNoMoreThanAll) {
  EXPECT_DOUBLE_EQ(worst_share(inferred(3, 0)).value().ratio(), 1);
}

TEST(LossShare, APeerThatDoesNotAnswerRanksWithoutALoss) {
  LossCounters silent;
  silent.data_segments = 20;
  silent.unanswered_segments = 15;
  EXPECT_EQ(worst_share(silent), std::nullopt);
  EXPECT_GT(rank_weight(silent), rank_weight(inferred(1, 100)));
}

}  // namespace
}  // namespace lossgazer
