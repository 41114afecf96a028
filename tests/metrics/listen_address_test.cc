#include "metrics/listen_address.h"

#include <gtest/gtest.h>

namespace lossgazer {
namespace {

std::string read_back(std::string_view text) {
  const auto address = ListenAddress::parse(text);
  return address ? address->to_string() : "nothing";
}

TEST(ListenAddress, ReadsBothFamilies) {
  EXPECT_EQ(read_back("127.0.0.1:10119"), "127.0.0.1:10119");
  EXPECT_EQ(read_back("[2001:db8::1]:9"), "[2001:db8::1]:9");
  EXPECT_EQ(read_back("192.0.2.1:0"), "192.0.2.1:0");
  EXPECT_EQ(read_back("192.0.2.1:65535"), "192.0.2.1:65535");
}

TEST(ListenAddress, PortAloneIsEveryAddress) {
  EXPECT_EQ(read_back(":10119"), "[::]:10119");
  EXPECT_EQ(ListenAddress::parse(":10119"), ListenAddress::parse("[::]:10119"));
}

TEST(ListenAddress, ReadsUnixSockets) {
  EXPECT_EQ(read_back("unix:/run/lossgazer.sock"), "unix:/run/lossgazer.sock");
  EXPECT_EQ(ListenAddress::parse("unix:a:1")->path, "a:1");
  EXPECT_EQ(read_back("unix:" + std::string(107, 'p')), "unix:" + std::string(107, 'p'));
  EXPECT_EQ(read_back("unix:" + std::string(108, 'p')), "nothing");
}

TEST(ListenAddress, RefusesWhatIsNoAddressAndPort) {
  for (const char* text : {"",
                           ":",
                           "10119",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1:80x",
                           "127.0.0.1: 80",
                           "127.0.0.256:80",
                           "localhost:80",
                           "2001:db8::1:80",
                           "[2001:db8::1]",
                           "[2001:db8::1]80",
                           "[]:80",
                           "[192.0.2.1]:80",
                           "[2001:db8::1:80",
                           "unix:",
                           "unix",
                           "/run/lossgazer.sock",
                           "192.0.2.0/24:80",
                           " 192.0.2.1:80"}) {
    EXPECT_EQ(read_back(text), "nothing") << text;
  }
}

}  // namespace
}  // namespace lossgazer
