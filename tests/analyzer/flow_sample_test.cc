#include "analyzer/flow_sample.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace lossgazer {
namespace {

FlowKey flow(const char* client, uint16_t port, const char* server, uint16_t server_port = 443) {
  return FlowKey::between({*IpAddress::parse(client), port},
                          {*IpAddress::parse(server), server_port}, 0);
}

TEST(FlowNumber, IsOfTheEndsAloneAndTheSameForBothDirections) {
  const uint32_t number = FlowNumber::of(flow("192.0.2.1", 40'000, "198.51.100.7"));
  EXPECT_EQ(number, FlowNumber::of(flow("198.51.100.7", 443, "192.0.2.1", 40'000)));
  // (0xc0000201 ^ 0xc6336407) * 0x9e3779b1 + (40000 ^ 443) * 0x85ebca77
  EXPECT_EQ(number, 0x06336606U * 0x9e3779b1U + 0x9dfbU * 0x85ebca77U);
  FlowKey tunnelled = flow("192.0.2.1", 40'000, "198.51.100.7");
  tunnelled.encapsulation = 42;
  EXPECT_EQ(number, FlowNumber::of(tunnelled));
}

TEST(FlowNumber, FoldsTheWordsOfIpv6Addresses) {
  // 0x20010db8 ^ 1, and 0x20010db8 ^ 0x00070000 ^ 2.
  EXPECT_EQ(FlowNumber::of(flow("2001:db8::1", 1000, "2001:db8:7::2", 1000)),
            (0x00070000U ^ 3U) * 0x9e3779b1U);
}

// However the flows of a host come: a fixed number of them is no more than chance away from its
// share. Five standard deviations of a binomial.
TEST(FlowSample, KeepsItsShareOfTheFlowsThatHostsHave) {
  for (const uint32_t one_in : {2U, 3U, 10U, 64U, 1000U}) {
    const FlowSample sample{one_in};
    std::array<uint32_t, 3> kept{};
    constexpr uint32_t kFlows = 60'000;
    for (uint32_t i = 0; i < kFlows; ++i) {
      const auto low = static_cast<uint16_t>(i);
      // One client to one server, many clients with one port, and both in steps of two (Linux).
      const IpAddress client = IpAddress::v4(0x0a000000 + i);
      const Endpoint server{IpAddress::v4(0xc6336407), 443};
      const auto keeps = [&](const Endpoint& end) {
        return sample.keeps(FlowKey::between(end, server, 0)) ? 1U : 0U;
      };
      kept[0] += keeps({IpAddress::v4(0xc0000201), low});
      kept[1] += keeps({client, 40'000});
      kept[2] += keeps({client, static_cast<uint16_t>(32'768 + 2 * (i % 14'000))});
    }
    const double share = kFlows / static_cast<double>(one_in);
    for (const uint32_t count : kept) EXPECT_NEAR(count, share, 5 * std::sqrt(share));
  }
}

TEST(FlowSample, OneInOneKeepsAll) {
  EXPECT_TRUE(FlowSample{}.keeps_all());
  EXPECT_TRUE(FlowSample{}.keeps(flow("192.0.2.1", 1, "192.0.2.2")));
  EXPECT_FALSE(FlowSample{FlowSample::kMost}.keeps_all());
  EXPECT_EQ(FlowSample{FlowSample::kMost}.limit(), 65'536U);
}

}  // namespace
}  // namespace lossgazer
