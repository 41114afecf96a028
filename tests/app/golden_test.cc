// The golden captures, judged as their files say. Why that is right: tests/golden/README.md.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "app/report.h"

namespace lossgazer {
namespace {

const std::filesystem::path kGolden = LOSSGAZER_GOLDEN_DIR;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(file) << path;
  return text.str();
}

std::string report(const std::filesystem::path& capture, ReportFormat format) {
  Options options;
  options.command = Options::Command::kReport;
  options.report.format = format;
  options.report.files = {capture};
  options.analyzer.local = {*IpPrefix::parse("192.0.2.0/24")};
  std::ostringstream out;
  std::ostringstream warnings;
  run_report(options, out, warnings);
  EXPECT_EQ(warnings.str(), "");
  return out.str();
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, EveryVerdictAndCounter) {
  const std::filesystem::path capture = kGolden / (std::string(GetParam()) + ".pcap");
  std::filesystem::path expected = capture;
  EXPECT_EQ(report(capture, ReportFormat::kEvents), text_of(expected.replace_extension(".events")));
  EXPECT_EQ(report(capture, ReportFormat::kJson), text_of(expected.replace_extension(".json")));
}

INSTANTIATE_TEST_SUITE_P(Captures, Golden, testing::Values("egress_loss", "ingress_loss"));

}  // namespace
}  // namespace lossgazer
