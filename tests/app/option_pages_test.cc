#include "app/option_pages.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "app/option_table.h"

namespace lossgazer {
namespace {

using testing::HasSubstr;

std::string in_packaging(std::string_view name) {
  std::ifstream file(fmt::format("{}/{}", LOSSGAZER_PACKAGING, name));
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Else: build the target `pages`.
TEST(OptionPages, ThoseInPackagingAreOfThisOptionTable) {
  for (const std::string_view page : kOptionPages) {
    EXPECT_EQ(in_packaging(page), fill_option_page(in_packaging(fmt::format("{}.in", page))))
        << page;
  }
}

TEST(OptionPages, ManualHasEveryOptionWithItsDefault) {
  const std::string manual = fill_option_page("@MANUAL_OPTIONS@\n");
  for (const Option& option : option_table()) {
    std::string name = "--" + option.name;
    for (size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) {
      name.insert(at, "\\");
    }
    EXPECT_THAT(manual, HasSubstr(fmt::format("\\fB{}\\fR", name)));
  }
  EXPECT_THAT(manual, HasSubstr("\\fB\\-s\\fR, \\fB\\-\\-capture.snaplen\\fR \\fIN\\fR\n"
                                "Bytes kept of an Ethernet/IPv4 packet; longer headers get the "
                                "same view.\nDefault: 64.\nNot for reports.\n"));
  EXPECT_THAT(manual, HasSubstr("Those are packets, data_segments,"));
  EXPECT_THAT(manual, HasSubstr("Default: 1000; in a report: no limit.\n"));
}

TEST(OptionPages, CommandsAreOfferedTheirOwnOptions) {
  EXPECT_THAT(fill_option_page("@BASH_LIVE_OPTIONS@"), HasSubstr("--web.listen-address\n"));
  EXPECT_THAT(fill_option_page("@BASH_REPORT_OPTIONS@"), Not(HasSubstr("--web.listen-address")));
  EXPECT_THAT(fill_option_page("@ZSH_REPORT_OPTIONS@"),
              HasSubstr("'--format=[table, json, csv, events or prometheus]:FORMAT:(table json csv "
                        "events prometheus)'\n"));
}

TEST(OptionPages, WhatIsNoMarkStays) {
  EXPECT_EQ(fill_option_page("a @b@\n\n@\nname@host\n"), "a @b@\n\n@\nname@host\n");
  EXPECT_THROW((void)fill_option_page("@NOSUCH@\n"), std::invalid_argument);
}

}  // namespace
}  // namespace lossgazer
