// Reads exposition text back for tests: comments and samples, in their order.
#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace lossgazer {

// The lines that begin with `prefix`.
inline std::vector<std::string> lines_with(const std::string& text, std::string_view prefix) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(prefix)) result.push_back(line);
  }
  return result;
}

// What follows "series " in its line; "none" if there is no such series.
inline std::string value_of(const std::string& text, const std::string& series) {
  const auto lines = lines_with(text, series + " ");
  return lines.size() == 1 ? lines.front().substr(series.size() + 1) : "none";
}

}  // namespace lossgazer
