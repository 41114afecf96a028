#include "analyzer/seq_num.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace lossgazer {
namespace {

constexpr StreamOffset kCheckpoint(uint64_t{5} << 32);  // sequence number 0, in the fifth round

TEST(SeqNum, UnwrapsToTheNearestOffset) {
  EXPECT_EQ(SeqNum(7).unwrap(kCheckpoint), kCheckpoint + 7);
  EXPECT_EQ(SeqNum(0xfffffff0).unwrap(kCheckpoint), StreamOffset(kCheckpoint.value() - 16));
}

TEST(SeqNum, UnwrapsAcrossTheWrap) {
  const StreamOffset before_wrap(kCheckpoint.value() - 1);
  EXPECT_EQ(SeqNum(0xffffffff).unwrap(before_wrap), before_wrap);
  EXPECT_EQ(SeqNum(3).unwrap(before_wrap), before_wrap + 4);
}

TEST(SeqNum, UnwrapsUpToHalfTheSpaceForward) {
  EXPECT_EQ(SeqNum(0x7fffffff).unwrap(kCheckpoint), kCheckpoint + 0x7fffffff);
  EXPECT_EQ(SeqNum(0x80000000).unwrap(kCheckpoint), StreamOffset(kCheckpoint.value() - 0x80000000));
}

TEST(SeqNum, OffsetsKeepTheNumberOnTheWire) {
  for (const uint32_t raw : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    EXPECT_EQ(SeqNum(SeqNum(raw).unwrap(kCheckpoint)), SeqNum(raw));
    EXPECT_EQ(SeqNum(SeqNum(raw).first_offset()), SeqNum(raw));
  }
}

TEST(SeqNum, NothingNearTheFirstOffsetFallsBelowZero) {
  // A segment half the space before the first one seen.
  const StreamOffset first = SeqNum(0).first_offset();
  const StreamOffset earlier = SeqNum(0x80000000).unwrap(first);
  EXPECT_LT(earlier, first);
  EXPECT_EQ(first - earlier, uint64_t{0x80000000});
}

TEST(StreamOffset, IsOrderedAndMeasured) {
  const StreamOffset start(100);
  EXPECT_LT(start, start + 1);
  EXPECT_EQ((start + 1460) - start, 1460U);
}

}  // namespace
}  // namespace lossgazer
