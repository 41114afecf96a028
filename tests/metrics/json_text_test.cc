#include "metrics/json_text.h"

#include <gtest/gtest.h>

#include <span>
#include <vector>

namespace lossgazer {
namespace {

TEST(JsonText, QuotesWhatMustBeQuoted) {
  EXPECT_EQ(json_quote("eth0"), "\"eth0\"");
  EXPECT_EQ(json_quote("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\u000a\\u0001\"");
}

TEST(JsonText, FieldsOfTheSameKeyBecomeOneObject) {
  const std::vector<ReportField> fields = {
      {"packets", "", "7"}, {"lost", "peer", "1"}, {"lost", "local", "2"}, {"resets", "", "0"}};
  EXPECT_EQ(json_members(fields), R"("packets":7,"lost":{"peer":1,"local":2},"resets":0)");
  EXPECT_EQ(json_members(std::span(fields).first(3)), R"("packets":7,"lost":{"peer":1,"local":2})");
  EXPECT_EQ(json_members({}), "");
}

}  // namespace
}  // namespace lossgazer
