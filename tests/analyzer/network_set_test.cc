#include "analyzer/network_set.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>
#include <vector>

namespace lossgazer {
namespace {

NetworkSet set_of(std::initializer_list<std::string_view> texts) {
  std::vector<IpPrefix> prefixes;
  for (const std::string_view text : texts) prefixes.push_back(IpPrefix::parse(text).value());
  return NetworkSet(std::move(prefixes));
}

bool contains(const NetworkSet& set, std::string_view address) {
  return set.contains(IpAddress::parse(address).value());
}

TEST(NetworkSet, AnEmptySetHoldsNothing) {
  EXPECT_TRUE(NetworkSet().empty());
  EXPECT_TRUE(set_of({}).empty());
  EXPECT_FALSE(contains(NetworkSet(), "192.0.2.1"));
}

TEST(NetworkSet, HoldsWhatAnyOfItsPrefixesHolds) {
  const NetworkSet set =
      set_of({"203.0.113.9", "192.0.2.0/24", "198.51.100.0/25", "2001:db8::/32", "192.0.0.0/24"});
  EXPECT_FALSE(set.empty());
  for (const char* inside :
       {"203.0.113.9", "192.0.2.255", "192.0.0.1", "198.51.100.127", "2001:db8:ffff::1"}) {
    EXPECT_TRUE(contains(set, inside)) << inside;
  }
  for (const char* outside :
       {"203.0.113.8", "192.0.1.1", "192.0.3.0", "198.51.100.128", "2001:db9::", "::1"}) {
    EXPECT_FALSE(contains(set, outside)) << outside;
  }
}

TEST(NetworkSet, FamiliesDoNotMix) {
  EXPECT_FALSE(contains(set_of({"::/0"}), "192.0.2.1"));
  EXPECT_TRUE(contains(set_of({"::/0"}), "2001:db8::1"));
  EXPECT_FALSE(contains(set_of({"0.0.0.0/0"}), "2001:db8::1"));
  EXPECT_TRUE(contains(set_of({"::/0", "0.0.0.0/0"}), "192.0.2.1"));
}

TEST(NetworkSet, OrderAndRepetitionDoNotMatter) {
  EXPECT_EQ(set_of({"192.0.2.0/24", "2001:db8::/32", "192.0.2.7"}),
            set_of({"192.0.2.7", "192.0.2.0/24", "192.0.2.9/24", "2001:db8::/32"}));
  EXPECT_NE(set_of({"192.0.2.0/24"}), set_of({"192.0.2.0/25"}));
}

}  // namespace
}  // namespace lossgazer
