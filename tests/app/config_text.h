// A configuration file of one test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace lossgazer::test {

class ConfigText {
 public:
  explicit ConfigText(std::string_view text)
      : path_(testing::TempDir() + "lossgazer." +
              testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml") {
    write(text);
  }
  ~ConfigText() { std::filesystem::remove(path_); }
  ConfigText(const ConfigText&) = delete;
  ConfigText& operator=(const ConfigText&) = delete;

  void write(std::string_view text) const { std::ofstream(path_) << text; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace lossgazer::test
