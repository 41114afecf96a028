// Durations and sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "analyzer/units.h"

namespace lossgazer {

// Reads "500ms", "90s", "2m", "1h30m" or "7d", as Prometheus does, and "50us" besides; nothing if
// `text` is no duration above zero.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// Reads "65536", "512KiB", "16MiB", "1GiB" (powers of 1024; "K", "M" and "G" are the same) in
// bytes; nothing if `text` is no size above zero.
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace lossgazer
