#include "capture/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/capture/network_namespace.h"

namespace lossgazer {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

Link link_named(const std::string& name) {
  for (Link& link : list_links()) {
    if (link.name == name) return link;
  }
  throw std::runtime_error("no link " + name);
}

bool readable_within(int fd, int milliseconds) {
  pollfd waited_for{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&waited_for, 1, milliseconds) == 1;
}

TEST(Interfaces, LoopbackIsListed) {
  const Link loopback = link_named("lo");
  EXPECT_EQ(loopback.index, 1U);
  EXPECT_TRUE(loopback.loopback);
}

TEST(Interfaces, PartOfABridgeIsEnslaved) {
  if (!test::in_new_namespace([] {
        test::ip("link add lgcap0 type veth peer name lgcap1");
        test::ip("link add lgbr0 type bridge");
        EXPECT_FALSE(link_named("lgcap0").enslaved);
        test::ip("link set dev lgcap0 master lgbr0");
        EXPECT_TRUE(link_named("lgcap0").enslaved);
        EXPECT_FALSE(link_named("lgbr0").enslaved);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Interfaces, WhatALinkSentIsCounted) {
  if (!test::in_new_namespace([] {
        test::ip("link add lgcap0 type veth peer name lgcap1");
        test::ip("link set dev lgcap1 up");
        EXPECT_EQ(link_named("lgcap0").sent_packets, 0U);
        test::ip("link set dev lgcap0 up");  // IPv6 asks at once whether its address is taken
        for (int i = 0; i < 100 && link_named("lgcap0").sent_packets == 0; ++i) ::usleep(50'000);
        EXPECT_GT(link_named("lgcap0").sent_packets, 0U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Interfaces, LoopbackNetworkIsLocal) {
  if (!test::in_new_namespace([] {
        const NetworkSet local = local_networks();
        EXPECT_TRUE(local.contains(address("127.0.0.1")));
        EXPECT_TRUE(local.contains(address("127.9.9.9")));
        EXPECT_TRUE(local.contains(address("::1")));
        EXPECT_FALSE(local.contains(address("192.0.2.1")));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Interfaces, OnlyOurOwnAddressOfANetworkIsLocal) {
  if (!test::in_new_namespace([] {
        test::ip("link add lgcap0 type veth peer name lgcap1");
        test::ip("address add 192.0.2.1/24 dev lgcap0");
        test::ip("address add 2001:db8::1/64 dev lgcap0");
        test::ip("address add 198.51.100.1 peer 198.51.100.2 dev lgcap1");
        const NetworkSet local = local_networks();
        EXPECT_TRUE(local.contains(address("192.0.2.1")));
        EXPECT_FALSE(local.contains(address("192.0.2.2")));
        EXPECT_TRUE(local.contains(address("2001:db8::1")));
        EXPECT_FALSE(local.contains(address("2001:db8::2")));
        EXPECT_TRUE(local.contains(address("198.51.100.1")));
        EXPECT_FALSE(local.contains(address("198.51.100.2")));
        EXPECT_FALSE(link_named("lgcap0").up);
        test::ip("link set dev lgcap0 up");
        EXPECT_TRUE(link_named("lgcap0").up);
        EXPECT_FALSE(link_named("lgcap0").running);
        test::ip("link set dev lgcap1 up");
        EXPECT_TRUE(link_named("lgcap0").running);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Interfaces, DefaultRouteWithTheLowestMetricDecides) {
  if (!test::in_new_namespace([] {
        EXPECT_THAT([] { std::ignore = default_interface(); },
                    ThrowsMessage<std::runtime_error>(HasSubstr("no default route")));
        test::ip("link add lgcap0 type veth peer name lgcap1");
        test::ip("link set dev lgcap0 up");
        test::ip("link set dev lgcap1 up");
        test::ip("address add 192.0.2.1/24 dev lgcap0");
        test::ip("address add 198.51.100.1/24 dev lgcap1");
        test::ip("-6 route add default dev lgcap1");
        EXPECT_EQ(default_interface(), "lgcap1");
        test::ip("route add default via 192.0.2.2 metric 200");
        EXPECT_EQ(default_interface(), "lgcap0");
        test::ip("route add default via 198.51.100.2 metric 100");
        EXPECT_EQ(default_interface(), "lgcap1");
        test::ip("route del default via 198.51.100.2");
        test::ip("route del default via 192.0.2.2");
        test::ip("route add default nexthop via 192.0.2.2 nexthop via 198.51.100.2");
        EXPECT_EQ(default_interface(), "lgcap0");
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Interfaces, DropsOfAnAbsentInterfaceAreZero) {
  EXPECT_EQ(interface_drops(0), 0U);
  EXPECT_EQ(interface_drops(999'999), 0U);
  EXPECT_EQ(interface_drops(1), 0U);
}

TEST(Interfaces, PatternsStandBetweenSlashes) {
  EXPECT_FALSE(interface_pattern("eth0"));
  EXPECT_FALSE(interface_pattern("/"));
  const auto pattern = interface_pattern("/^(veth|cali)/");
  ASSERT_TRUE(pattern);
  EXPECT_TRUE(std::regex_search("veth12ab", *pattern));
  EXPECT_FALSE(std::regex_search("eth0", *pattern));
  EXPECT_THAT([] { std::ignore = interface_pattern("/veth(/"); },
              ThrowsMessage<std::runtime_error>(
                  HasSubstr("interface pattern /veth(/: not a regular expression")));
}

TEST(LinkWatcher, TellsOfLinksAndAddresses) {
  if (!test::in_new_namespace([] {
        LinkWatcher watcher;
        EXPECT_FALSE(watcher.changed());
        test::ip("link add lgcap0 type veth peer name lgcap1");
        EXPECT_TRUE(readable_within(watcher.fd(), 1000));
        EXPECT_TRUE(watcher.changed());
        EXPECT_FALSE(watcher.changed());
        test::ip("address add 192.0.2.1/24 dev lgcap0");
        EXPECT_TRUE(readable_within(watcher.fd(), 1000));
        EXPECT_TRUE(watcher.changed());
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

}  // namespace
}  // namespace lossgazer
