// All that is known of one peer, as lines: the last minute, since it is counted, and the flows in
// trouble. And the help.
#pragma once

#include <cstddef>
#include <vector>

#include "app/top/model.h"
#include "app/top/screen.h"

namespace lossgazer {

[[nodiscard]] std::vector<Line> peer_details(const Board& board, const BoardPeer& peer,
                                             const Glyphs& glyphs, size_t columns);

[[nodiscard]] std::vector<Line> help_lines();

}  // namespace lossgazer
