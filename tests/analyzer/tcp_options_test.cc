#include "analyzer/tcp_options.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/support/packet_bytes.h"

namespace lossgazer {
namespace {

using test::hex;

// Reads `options`, of which only the first `captured` bytes were captured. The copy has exactly
// that size, so that a sanitizer sees any byte read beyond it.
Segment read(std::string_view options, uint8_t flags = kAck,
             std::optional<size_t> captured = std::nullopt) {
  test::Bytes bytes = hex(options);
  const size_t length = bytes.size();
  bytes.resize(captured.value_or(length));
  bytes.shrink_to_fit();
  Segment segment;
  segment.tcp_flags = flags;
  read_tcp_options(ByteReader(bytes, length), segment);
  return segment;
}

TEST(TcpOptions, NoOptionsAreComplete) { EXPECT_EQ(read("").bits, kOptionsComplete); }

// options [nop,nop,TS val 305419896 ecr 2596069104]
constexpr std::string_view kUsual = "01 01 08 0a 12345678 9abcdef0";

TEST(TcpOptions, ReadsTimestampsInTheUsualPlace) {
  const Segment segment = read(kUsual);
  EXPECT_EQ(segment.bits, kHasTsval | kHasTsecr | kOptionsComplete);
  EXPECT_EQ(segment.tsval, 305419896U);
  EXPECT_EQ(segment.tsecr, 2596069104U);
}

TEST(TcpOptions, ReadsTimestampsInOtherPlaces) {
  // options [TS val 305419896 ecr 2596069104,nop,nop], and after [sackOK]
  for (const char* options :
       {"08 0a 12345678 9abcdef0 01 01", "04 02 08 0a 12345678 9abcdef0",
        "01 01 08 0a 12345678 9abcdef0 01 01 01 01", "08 0a 12345678 9abcdef0 00 00"}) {
    const Segment segment = read(options);
    EXPECT_EQ(segment.bits, kHasTsval | kHasTsecr | kOptionsComplete) << options;
    EXPECT_EQ(segment.tsval, 305419896U) << options;
    EXPECT_EQ(segment.tsecr, 2596069104U) << options;
  }
}

TEST(TcpOptions, TsecrMeansNothingWithoutAck) {
  for (const char* options : {"01 01 08 0a 12345678 9abcdef0", "04 02 08 0a 12345678 9abcdef0"}) {
    const Segment segment = read(options, kSyn);
    EXPECT_EQ(segment.bits & ~kSackPermitted, kHasTsval | kOptionsComplete);
    EXPECT_EQ(segment.tsecr, 0U);
  }
}

TEST(TcpOptions, CutTimestampsGiveWhatWasCaptured) {
  for (const char* options : {"01 01 08 0a 12345678 9abcdef0", "04 02 08 0a 12345678 9abcdef0"}) {
    for (size_t captured = 0; captured <= 12; ++captured) {
      const Segment segment = read(options, kAck, captured);
      EXPECT_EQ(segment.has(kHasTsval), captured >= 8) << captured;
      EXPECT_EQ(segment.has(kHasTsecr), captured >= 12) << captured;
      EXPECT_EQ(segment.has(kOptionsComplete), captured >= 12) << captured;
      EXPECT_EQ(segment.tsval, captured >= 8 ? 305419896U : 0U) << captured;
      EXPECT_EQ(segment.tsecr, captured >= 12 ? 2596069104U : 0U) << captured;
    }
  }
}

// options [mss 1440,sackOK,TS val 1 ecr 0,nop,wscale 7]
constexpr std::string_view kSynOptions = "02 04 05a0 04 02 08 0a 00000001 00000000 01 03 03 07";

TEST(TcpOptions, ReadsMssAndWindowScaleOfSyns) {
  const Segment segment = read(kSynOptions, kSyn);
  EXPECT_EQ(segment.bits, kHasTsval | kHasWindowScale | kSackPermitted | kOptionsComplete);
  EXPECT_EQ(segment.mss, 1440);
  EXPECT_EQ(segment.window_scale, 7);
  EXPECT_EQ(segment.tsval, 1U);
}

TEST(TcpOptions, MssAndWindowScaleMeanNothingOutsideSyns) {
  const Segment segment = read(kSynOptions, kAck);
  EXPECT_EQ(segment.bits, kHasTsval | kHasTsecr | kOptionsComplete);
  EXPECT_EQ(segment.mss, 0);
  EXPECT_EQ(segment.window_scale, 0);
}

TEST(TcpOptions, CutSynOptionsAreNotAbsentOnes) {
  const Segment cut = read(kSynOptions, kSyn, 19);
  EXPECT_EQ(cut.bits, kHasTsval | kSackPermitted);
  EXPECT_EQ(cut.mss, 1440);
  EXPECT_EQ(read(kSynOptions, kSyn, 3).mss, 0);
}

TEST(TcpOptions, WindowScaleIsAtMostFourteen) {
  EXPECT_EQ(read("03 03 0f 00", kSyn).window_scale, 14);
}

// options [nop,nop,sack 2 {10:20}{30:40}]
constexpr std::string_view kTwoBlocks = "01 01 05 12 0000000a 00000014 0000001e 00000028";

TEST(TcpOptions, ReadsSackBlocks) {
  const Segment segment = read(kTwoBlocks);
  EXPECT_EQ(segment.bits, kOptionsComplete);
  ASSERT_EQ(segment.sack_count, 2);
  EXPECT_EQ(segment.sack[0].left, SeqNum(10));
  EXPECT_EQ(segment.sack[0].right, SeqNum(20));
  EXPECT_EQ(segment.sack[1].left, SeqNum(30));
  EXPECT_EQ(segment.sack[1].right, SeqNum(40));
}

TEST(TcpOptions, OfFourSackBlocksTheFirstThreeAreKept) {
  const Segment segment =
      read("01 01 05 22 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008");
  EXPECT_TRUE(segment.has(kOptionsComplete));
  ASSERT_EQ(segment.sack_count, 3);
  EXPECT_EQ(segment.sack[2].right, SeqNum(6));
}

TEST(TcpOptions, OnlyWholeSackBlocksAreKept) {
  EXPECT_EQ(read(kTwoBlocks, kAck, 19).sack_count, 1);
  EXPECT_EQ(read(kTwoBlocks, kAck, 11).sack_count, 0);
  EXPECT_FALSE(read(kTwoBlocks, kAck, 19).has(kOptionsComplete));
  EXPECT_EQ(read(kTwoBlocks, kAck, 19).sack[1].left, SeqNum());
}

TEST(TcpOptions, ASecondSackOptionReplacesTheFirst) {
  const Segment segment = read("05 12 0000000a 00000014 0000001e 00000028 05 0a 00000032 0000003c");
  ASSERT_EQ(segment.sack_count, 1);
  EXPECT_EQ(segment.sack[0].left, SeqNum(50));
  EXPECT_EQ(segment.sack[1].left, SeqNum());
}

TEST(TcpOptions, UnknownOptionsArePassedOver) {
  // MPTCP (30) and an experiment (254) before the timestamps.
  const Segment segment = read("1e 04 0000 fe 04 abcd 08 0a 12345678 9abcdef0 01 01");
  EXPECT_EQ(segment.bits, kHasTsval | kHasTsecr | kOptionsComplete);
}

TEST(TcpOptions, KnownOptionsOfUnexpectedLengthArePassedOver) {
  // mss of 3 bytes, wscale of 4, timestamps of 6, sack of 7 and of 2 bytes
  const Segment segment =
      read("02 03 05 03 04 0707 08 06 12345678 05 07 0102030405 05 02 00", kSyn);
  EXPECT_EQ(segment.bits, kOptionsComplete);
  EXPECT_EQ(segment.mss, 0);
  EXPECT_EQ(segment.sack_count, 0);
}

TEST(TcpOptions, NothingIsReadAfterTheEndOfTheList) {
  EXPECT_EQ(read("00 01 08 0a 12345678 9abcdef0").bits, kOptionsComplete);
  EXPECT_EQ(read("00 01 08 0a 12345678 9abcdef0", kAck, 5).bits, 0);
}

TEST(TcpOptions, LengthsThatContradictEndTheReading) {
  // Of 0 and 1 byte (an endless loop for the careless), beyond the header, and none at all.
  for (const char* options :
       {"08 00 12345678 9abcdef0 01 01", "08 01 12345678 9abcdef0 01 01",
        "01 01 08 0b 12345678 9abcdef0", "08 ff 12345678 9abcdef0 01 01", "01 01 01 08"}) {
    EXPECT_EQ(read(options).bits, 0) << options;
  }
  // What came before counts.
  EXPECT_EQ(read("08 0a 12345678 9abcdef0 05 00").bits, kHasTsval | kHasTsecr);
}

}  // namespace
}  // namespace lossgazer
