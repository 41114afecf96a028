#include "analyzer/ip_address.h"

#include <gtest/gtest.h>

#include <string>

namespace lossgazer {
namespace {

std::string round_trip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_string() : "nothing";
}

TEST(IpAddress, ReadsAndWritesIpv4) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1"), IpAddress::v4(0xc0000201));
  EXPECT_TRUE(IpAddress::v4(0).is_v4());
  for (const char* text : {"0.0.0.0", "192.0.2.1", "198.51.100.255", "255.255.255.255"}) {
    EXPECT_EQ(round_trip(text), text);
  }
}

TEST(IpAddress, RefusesWhatIsNoIpv4Address) {
  for (const char* text :
       {"", ".", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.5", "1.2.3.4.", "256.0.0.1",
        "01.2.3.4", "1.2.3.0004", "1.2.3.-4", "1.2.3.+4", "1.2.3.0x4", " 1.2.3.4", "1.2.3.4 ",
        "a.b.c.d", "192.0.2.1/24"}) {
    EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
  }
}

TEST(IpAddress, KeepsTheOrderOfIpv6Bytes) {
  const auto address = IpAddress::parse("2001:db8:1:2:3:4:506:708");
  ASSERT_TRUE(address);
  const std::array<uint8_t, 16> bytes = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 5, 6, 7, 8};
  EXPECT_EQ(address->bytes(), bytes);
  EXPECT_FALSE(address->is_v4());
}

// RFC 5952, section 4.
TEST(IpAddress, WritesIpv6InTheRecommendedForm) {
  EXPECT_EQ(round_trip("2001:0DB8:0000:0000:0001:0000:0000:0001"), "2001:db8::1:0:0:1");
  EXPECT_EQ(round_trip("2001:db8:0:0:0:0:2:1"), "2001:db8::2:1");
  EXPECT_EQ(round_trip("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");  // not one group alone
  EXPECT_EQ(round_trip("2001:db8::1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(round_trip("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");        // the longest run
  EXPECT_EQ(round_trip("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");  // the first of equals
  EXPECT_EQ(round_trip("2001:DB8::ABCD"), "2001:db8::abcd");
  EXPECT_EQ(round_trip("0:0:0:0:0:0:0:0"), "::");
  EXPECT_EQ(round_trip("0:0:0:0:0:0:0:1"), "::1");
  EXPECT_EQ(round_trip("1:0:0:0:0:0:0:0"), "1::");
  EXPECT_EQ(round_trip("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
  EXPECT_EQ(round_trip("::2:3:4:5:6:7:8"), "0:2:3:4:5:6:7:8");
  EXPECT_EQ(round_trip("1:2:3:4:5:6:0:0"), "1:2:3:4:5:6::");
  EXPECT_EQ(round_trip("fe80::1"), "fe80::1");
}

TEST(IpAddress, TheMappedFormIsIpv4) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::v4(0xc0000201));
  EXPECT_EQ(IpAddress::parse("::ffff:c000:201"), IpAddress::v4(0xc0000201));
  EXPECT_EQ(round_trip("::ffff:c000:201"), "192.0.2.1");
  EXPECT_EQ(round_trip("64:ff9b::192.0.2.33"), "64:ff9b::c000:221");
  EXPECT_EQ(round_trip("2001:db8:1:2:3:4:192.0.2.33"), "2001:db8:1:2:3:4:c000:221");
}

TEST(IpAddress, RefusesWhatIsNoIpv6Address) {
  for (const char* text : {":",
                           ":::",
                           "1:",
                           ":1",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8:",
                           "1::2::3",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1:2:3:4::5:6:7:8",
                           "12345::",
                           "::g",
                           "::-1",
                           "::0x1",
                           "fe80::1%eth0",
                           "[::1]",
                           "::1.2.3",
                           "::1.2.3.4.5",
                           "1.2.3.4::",
                           "::1.2.3.4:5",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::ffff:256.0.0.1",
                           "2001:db8::/32"}) {
    EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
  }
}

bool contains(std::string_view prefix, std::string_view address) {
  return IpPrefix::parse(prefix).value().contains(IpAddress::parse(address).value());
}

TEST(IpPrefix, ContainsItsNetwork) {
  EXPECT_TRUE(contains("192.0.2.0/24", "192.0.2.0"));
  EXPECT_TRUE(contains("192.0.2.0/24", "192.0.2.255"));
  EXPECT_FALSE(contains("192.0.2.0/24", "192.0.3.0"));
  EXPECT_TRUE(contains("198.51.100.128/25", "198.51.100.129"));
  EXPECT_FALSE(contains("198.51.100.128/25", "198.51.100.127"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_TRUE(contains("::/0", "ffff::"));
}

TEST(IpPrefix, ABareAddressIsASingleHost) {
  EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
  EXPECT_EQ(IpPrefix::parse("192.0.2.1"), IpPrefix::parse("192.0.2.1/32"));
  EXPECT_EQ(IpPrefix::parse("2001:db8::1"), IpPrefix::parse("2001:db8::1/128"));
}

TEST(IpPrefix, FamiliesDoNotMix) {
  EXPECT_FALSE(contains("::/0", "192.0.2.1"));
  EXPECT_FALSE(contains("::/90", "192.0.2.1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
}

TEST(IpPrefix, HostBitsAreCleared) {
  EXPECT_EQ(IpPrefix::parse("192.0.2.77/24"), IpPrefix::parse("192.0.2.0/24"));
  EXPECT_EQ(IpPrefix::parse("2001:db8:ffff::1/36")->to_string(), "2001:db8:f000::/36");
}

TEST(IpPrefix, IsWrittenInItsOwnFamilyAndAHostWithoutLength) {
  for (const char* text : {"192.0.2.0/24", "0.0.0.0/0", "192.0.2.1", "2001:db8::/32", "::/0",
                           "2001:db8::1", "::ffff:0:0:0/80"}) {
    EXPECT_EQ(IpPrefix::parse(text).value().to_string(), text);
  }
  EXPECT_EQ(IpPrefix::parse("192.0.2.0/24")->mapped_length(), 120);
}

TEST(IpPrefix, TheMappedFormCountsItsBitsAsIpv6Does) {
  EXPECT_EQ(IpPrefix::parse("::ffff:192.0.2.0/120"), IpPrefix::parse("192.0.2.0/24"));
  EXPECT_EQ(IpPrefix::parse("::ffff:192.0.2.0/24"), std::nullopt);
}

TEST(IpPrefix, RefusesWhatIsNoPrefix) {
  for (const char* text : {"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1",
                           "192.0.2.0/024", "192.0.2.0/24/24", "192.0.2.0/24 ", "192.0.2/24",
                           "2001:db8::/129", "2001:db8::/1000", "2001:db8::/a", "example.com/24"}) {
    EXPECT_EQ(IpPrefix::parse(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace lossgazer
