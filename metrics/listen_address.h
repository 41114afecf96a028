// Where the HTTP server listens: an IP address and a TCP port. It opens no socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analyzer/ip_address.h"

namespace lossgazer {

struct ListenAddress {
  IpAddress address;  // "::" means every address, of IPv4 too
  uint16_t port = 0;  // 0: any free one

  // Reads "127.0.0.1:10119", "[2001:db8::1]:10119" or ":10119" (every address); nothing if `text`
  // is none of them. Names are not resolved.
  [[nodiscard]] static std::optional<ListenAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;

  bool operator==(const ListenAddress&) const = default;
};

}  // namespace lossgazer
