#include "capture/kernel_statistics.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/capture/network_namespace.h"

namespace lossgazer {
namespace {

KernelReading reading_of(std::string_view text) {
  KernelReading reading;
  reading.take(text);
  return reading;
}

TEST(KernelReading, NamesStandAboveTheirValues) {
  const KernelReading reading = reading_of(
      "Ip: Forwarding DefaultTTL ForwDatagrams\n"
      "Ip: 1 64 7\n"
      "Tcp: RtoAlgorithm MaxConn OutSegs RetransSegs\n"
      "Tcp: 1 -1 500 18446744073709551615\n"
      "TcpExt: SyncookiesSent TCPLossProbes\n"
      "TcpExt: 3 4\n");
  EXPECT_EQ(reading.tcp.of(KernelCounter::kOutSegs), 500U);
  EXPECT_EQ(reading.tcp.of(KernelCounter::kRetransSegs), 18446744073709551615U);
  EXPECT_EQ(reading.tcp.of(KernelCounter::kLossProbes), 4U);
  EXPECT_EQ(reading.tcp.of(KernelCounter::kTimeouts), std::nullopt);
  EXPECT_EQ(reading.forwarded, 7U);
}

// A name of one line says nothing in another: Udp has InErrors and InErrs of its own, say.
TEST(KernelReading, ANameIsOfItsLine) {
  const KernelReading reading = reading_of(
      "Udp: RetransSegs InErrs\n"
      "Udp: 5 6\n");
  EXPECT_EQ(reading.tcp.of(KernelCounter::kRetransSegs), std::nullopt);
  EXPECT_EQ(reading.tcp.of(KernelCounter::kInErrs), std::nullopt);
}

TEST(KernelReading, OfIpv6ANameAndAValueStandInALine) {
  EXPECT_EQ(reading_of("Ip6InReceives                   \t9\n"
                       "Ip6OutForwDatagrams             \t12\n")
                .forwarded,
            12U);
}

TEST(KernelReading, ForwardedByBothFamiliesAddsUp) {
  KernelReading reading;
  reading.take("Ip: ForwDatagrams\nIp: 2\n");
  reading.take("Ip6OutForwDatagrams 3\n");
  EXPECT_EQ(reading.forwarded, 5U);
}

TEST(KernelReading, WhatIsBrokenIsPassedOver) {
  for (const char* text :
       {"", "\n", ":", "Tcp:", "Tcp: RetransSegs", "Tcp: RetransSegs\n",
        "Tcp: RetransSegs\nTcp:", "Tcp: RetransSegs\nTcp: ", "Tcp: RetransSegs\nTcp: 1x\n",
        "Tcp: RetransSegs\nTcp: -1\n", "Tcp: RetransSegs\nTcp: 18446744073709551616\n",
        "Tcp: RetransSegs\nUdp: 1\n", "TcpRetransSegs"}) {
    EXPECT_EQ(reading_of(text).tcp.of(KernelCounter::kRetransSegs), std::nullopt) << text;
  }
}

TEST(KernelStatistics, AreOfTheThreadsOwnNamespace) {
  const KernelStatistics outside;
  if (!test::in_new_namespace([] {
        const KernelStatistics inside;
        EXPECT_EQ(inside.read().tcp.of(KernelCounter::kOutSegs), 0U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
  for (size_t i = 0; i < kKernelCounterName.size(); ++i) {
    EXPECT_NE(outside.read().tcp.values[i], std::nullopt) << kKernelCounterName[i];
  }
}

}  // namespace
}  // namespace lossgazer
