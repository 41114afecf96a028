#include "metrics/landing_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace lossgazer {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(LandingPage, IsWholeAndLinksToTheMetrics) {
  const std::string page = landing_page("/some/metrics");
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, EndsWith("</html>\n"));
  EXPECT_THAT(page, HasSubstr("href=\"./some/metrics\""));
  EXPECT_THAT(page, HasSubstr("api/v1/peers"));
  EXPECT_THAT(page, HasSubstr(".bar {"));
  EXPECT_THAT(page, Not(HasSubstr("@metrics@")));
  EXPECT_THAT(page, Not(HasSubstr("@page.")));
}

TEST(LandingPage, NamesNoOtherHost) {
  const std::string page = landing_page("/metrics");
  for (const char* way : {"src=", "href=\"//", "href=\"http", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(way)));
  }
}

TEST(LandingPage, PutsNoHtmlTogether) {
  const std::string page = landing_page("/metrics");
  for (const char* way :
       {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval("}) {
    EXPECT_THAT(page, Not(HasSubstr(way)));
  }
}

}  // namespace
}  // namespace lossgazer
