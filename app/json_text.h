// Text as JSON has it (RFC 8259, section 7).
#pragma once

#include <string>
#include <string_view>

namespace lossgazer {

// `text` in quotes. What is not UTF-8 passes as it is.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace lossgazer
