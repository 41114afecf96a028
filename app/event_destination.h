// Where events are sent, as --events.to names it. It opens nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lossgazer {

struct EventDestination {
  std::string path{};  // of a unix socket
  std::string
      host{};  // an address or a name, and its TCP port; with no path either: standard output
  std::string port{};

  // Reads "-", "unix:PATH" or "tcp:HOST:PORT", with IPv6 addresses in brackets; nothing if `text`
  // is none of them. Names are not resolved. The system takes paths of up to 107 bytes.
  [[nodiscard]] static std::optional<EventDestination> parse(std::string_view text);
  [[nodiscard]] bool is_standard_output() const { return path.empty() && host.empty(); }
  // For people.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const EventDestination&) const = default;
};

}  // namespace lossgazer
