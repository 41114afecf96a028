#include "app/json_text.h"

#include <gtest/gtest.h>

namespace lossgazer {
namespace {

TEST(JsonText, QuotesWhatMustBeQuoted) {
  EXPECT_EQ(json_quote("eth0"), "\"eth0\"");
  EXPECT_EQ(json_quote("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\u000a\\u0001\"");
}

}  // namespace
}  // namespace lossgazer
