// A small file's text.
#pragma once

#include <string>

namespace lossgazer {

// Throws std::runtime_error with the bare reason: it cannot be read, or is longer than 1 MiB.
[[nodiscard]] std::string read_text_file(const std::string& path);

}  // namespace lossgazer
