// A small file's text.
#pragma once

#include <string>

namespace lossgazer {

// Throws std::runtime_error with the bare reason: it cannot be read, or is longer than 1 MiB.
[[nodiscard]] std::string read_text_file(const std::string& path);

// Why a file cannot be read, by its errno. Says who may not: with --user, not who started us.
[[nodiscard]] std::string why_unreadable(int error);

}  // namespace lossgazer
