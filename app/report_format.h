// The formats of `lossgazer report`, as text. They count nothing.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/snapshot.h"
#include "analyzer/verdict.h"

namespace lossgazer {

// For people: the worst rows first.
[[nodiscard]] std::string table_text(const Snapshot& snapshot);
[[nodiscard]] std::string json_text(const Snapshot& snapshot);
// A header line, which says whose rows these are even if there are none, and the rows.
[[nodiscard]] std::string csv_text(const Snapshot& snapshot, PeerKey::Kind kind);
// One line of the format `events`. `file` is left out if empty.
[[nodiscard]] std::string event_line(const Verdict& verdict, std::string_view file);

}  // namespace lossgazer
