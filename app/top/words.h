// How the page's and the table's words stand for what the JSON says.
#pragma once

#include <string>
#include <string_view>

#include "app/top/board.h"

namespace lossgazer {

[[nodiscard]] std::string_view side_word(std::string_view side);      // "network"
[[nodiscard]] std::string_view method_word(std::string_view method);  // "counted"
// The answer first: who loses packets now, and where.
[[nodiscard]] std::string headline_of(const Board& board);
// Which host's packets, how many, and whether all of them are seen.
[[nodiscard]] std::string capture_line(const Board& board);

}  // namespace lossgazer
