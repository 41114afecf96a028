#include "app/event_destination.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "analyzer/ip_address.h"

namespace lossgazer {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kTcp = "tcp:";

bool is_port(std::string_view text) {
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number != 0;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace

std::optional<EventDestination> EventDestination::parse(std::string_view text) {
  if (text == "-") return EventDestination{};
  if (text.starts_with(kUnix)) {
    EventDestination result{.path = std::string(text.substr(kUnix.size()))};
    if (result.path.empty() || result.path.size() >= sizeof sockaddr_un::sun_path) return {};
    return result;
  }
  const size_t colon = text.rfind(':');
  if (!text.starts_with(kTcp) || colon < kTcp.size()) return {};
  std::string_view host = text.substr(kTcp.size(), colon - kTcp.size());
  const std::string_view port = text.substr(colon + 1);
  if (!is_port(port)) return {};
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    if (!address || address->is_v4()) return {};
  } else if (!is_host_name(host)) {
    return {};
  }
  return EventDestination{.host = std::string(host), .port = std::string(port)};
}

std::string EventDestination::to_string() const {
  if (is_standard_output()) return "standard output";
  if (!path.empty()) return fmt::format("{}{}", kUnix, path);
  const bool brackets = host.find(':') != std::string::npos;
  return brackets ? fmt::format("{}[{}]:{}", kTcp, host, port)
                  : fmt::format("{}{}:{}", kTcp, host, port);
}

}  // namespace lossgazer
