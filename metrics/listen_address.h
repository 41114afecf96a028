// Where the HTTP server listens: an IP address and a TCP port, or a unix socket's path. It opens no
// socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analyzer/ip_address.h"

namespace lossgazer {

struct ListenAddress {
  IpAddress address = {};  // "::" means every address, of IPv4 too
  uint16_t port = 0;       // 0: any free one
  std::string path = {};   // of a unix socket; empty: TCP

  // Reads "127.0.0.1:10119", "[2001:db8::1]:10119", ":10119" (every address) or "unix:PATH";
  // nothing if `text` is none of them. Names are not resolved. The system takes paths of up to 107
  // bytes.
  [[nodiscard]] static std::optional<ListenAddress> parse(std::string_view text);
  [[nodiscard]] bool is_unix() const { return !path.empty(); }
  [[nodiscard]] std::string to_string() const;

  bool operator==(const ListenAddress&) const = default;
};

}  // namespace lossgazer
