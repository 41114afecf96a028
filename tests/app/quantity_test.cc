#include "app/quantity.h"

#include <gtest/gtest.h>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, DurationsAsPrometheusWritesThem) {
  EXPECT_EQ(parse_duration("50us"), 50us);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("7d"), 168h);
  for (const char* bad : {"", "5", "s", "-1s", "1.5s", "0s", "1 s", "1w", "999999999999h"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Quantity, SizesInPowersOf1024) {
  EXPECT_EQ(parse_size("65536"), 65536u);
  EXPECT_EQ(parse_size("512KiB"), 512u << 10);
  EXPECT_EQ(parse_size("16MiB"), 16u << 20);
  EXPECT_EQ(parse_size("16M"), 16u << 20);
  EXPECT_EQ(parse_size("1GiB"), 1u << 30);
  for (const char* bad : {"", "MiB", "0", "-1", "1.5M", "16 MiB", "1TB", "99999999999999999999G"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

}  // namespace
}  // namespace lossgazer
