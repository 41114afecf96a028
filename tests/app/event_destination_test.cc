#include "app/event_destination.h"

#include <gtest/gtest.h>

#include <string>

namespace lossgazer {
namespace {

TEST(EventDestination, ReadsStandardOutputUnixSocketsAndTcp) {
  EXPECT_TRUE(EventDestination::parse("-").value().is_standard_output());
  EXPECT_EQ(EventDestination::parse("unix:/run/x.sock"), (EventDestination{.path = "/run/x.sock"}));
  EXPECT_EQ(EventDestination::parse("tcp:192.0.2.1:99"),
            (EventDestination{.host = "192.0.2.1", .port = "99"}));
  EXPECT_EQ(EventDestination::parse("tcp:[2001:db8::1]:99"),
            (EventDestination{.host = "2001:db8::1", .port = "99"}));
  EXPECT_EQ(EventDestination::parse("tcp:vector.logging.svc:99"),
            (EventDestination{.host = "vector.logging.svc", .port = "99"}));
}

TEST(EventDestination, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "--", "/run/x.sock", "unix:", "tcp:", "tcp:host", "tcp::99", "tcp:host:", "tcp:host:0",
        "tcp:host:65536", "tcp:host:http", "tcp:2001:db8::1:99", "tcp:[192.0.2.1]:99", "tcp:a b:99",
        "udp:host:99"}) {
    EXPECT_FALSE(EventDestination::parse(text)) << text;
  }
  EXPECT_TRUE(EventDestination::parse("unix:" + std::string(107, 'x')));
  EXPECT_FALSE(EventDestination::parse("unix:" + std::string(108, 'x')));
}

TEST(EventDestination, IsWrittenAsItWasGiven) {
  for (const std::string text : {"unix:/run/x.sock", "tcp:host:99", "tcp:[2001:db8::1]:99"}) {
    EXPECT_EQ(EventDestination::parse(text).value().to_string(), text);
  }
  EXPECT_EQ(EventDestination().to_string(), "standard output");
}

}  // namespace
}  // namespace lossgazer
