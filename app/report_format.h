// The formats of `lossgazer report`, as text, but for events. They count nothing.
#pragma once

#include <string>

#include "analyzer/snapshot.h"

namespace lossgazer {

// For people: the worst rows first.
[[nodiscard]] std::string table_text(const Snapshot& snapshot);
[[nodiscard]] std::string json_text(const Snapshot& snapshot);
// A header line, which says whose rows these are even if there are none, and the rows.
[[nodiscard]] std::string csv_text(const Snapshot& snapshot, PeerKey::Kind kind);

}  // namespace lossgazer
