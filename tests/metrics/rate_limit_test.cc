#include "metrics/rate_limit.h"

#include <gtest/gtest.h>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

TEST(RateLimit, BurstThenOneAnInterval) {
  RateLimit limit({.interval = 1s, .burst = 3});
  const RateLimit::TimePoint start{100h};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.admit(start)) << i;
  EXPECT_FALSE(limit.admit(start));
  EXPECT_FALSE(limit.admit(start + 999ms));
  EXPECT_TRUE(limit.admit(start + 1s));
  EXPECT_FALSE(limit.admit(start + 1s));
  // What is refused costs nothing, and the bucket holds no more than the burst.
  int admitted = 0;
  for (int i = 0; i < 10; ++i) admitted += limit.admit(start + 1h) ? 1 : 0;
  EXPECT_EQ(admitted, 3);
}

TEST(RateLimit, NoIntervalIsNoLimit) {
  RateLimit limit({});
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.admit({}));
}

}  // namespace
}  // namespace lossgazer
