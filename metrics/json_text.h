// Text as JSON has it (RFC 8259).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "metrics/metric_names.h"

namespace lossgazer {

// `text` in quotes. What is not UTF-8 passes as it is.
[[nodiscard]] std::string json_quote(std::string_view text);

// `fields` as the members of an object, without its braces: fields with the same key, which follow
// each other, become one nested object.
[[nodiscard]] std::string json_members(std::span<const ReportField> fields);

}  // namespace lossgazer
