// Compression of answers (RFC 9110, section 12.5.3; RFC 1952).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lossgazer {

// Whether a client with this Accept-Encoding header takes gzip: it or "*" is listed, and not with
// q=0. No header: no.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

// Nothing if memory is short.
[[nodiscard]] std::optional<std::string> gzip(const std::string& text);

}  // namespace lossgazer
