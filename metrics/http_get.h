// One request to an HTTP server, by TCP, TLS or a unix socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lossgazer {

struct HttpPlace {
  std::string host = {};  // a name or an address, without brackets
  uint16_t port = 0;
  std::string socket = {};  // path of a unix socket, of at most 107 bytes; empty: TCP

  [[nodiscard]] bool is_unix() const { return !socket.empty(); }
  [[nodiscard]] std::string to_string() const;  // as a URL; "unix:PATH"
  bool operator==(const HttpPlace&) const = default;
};

struct HttpAnswer {
  int status = 0;
  std::string body = {};
};

// GETs `path`, without a password. By TLS it trusts any certificate: nothing secret is said, and
// what is answered is no more than hearsay.
//
// Throws std::runtime_error with the bare reason if no whole answer comes. No single wait is longer
// than `patience`.
[[nodiscard]] HttpAnswer http_get(const HttpPlace& place, bool tls, std::string_view path,
                                  std::chrono::milliseconds patience, size_t body_max);

}  // namespace lossgazer
