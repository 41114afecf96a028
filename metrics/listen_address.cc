#include "metrics/listen_address.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>

namespace lossgazer {

std::optional<ListenAddress> ListenAddress::parse(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    ListenAddress result;
    result.path = text.substr(kUnix.size());
    if (result.path.empty() || result.path.size() >= sizeof sockaddr_un::sun_path) {
      return std::nullopt;
    }
    return result;
  }

  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);

  ListenAddress result;
  const auto [end, error] =
      std::from_chars(port.data(), port.data() + port.size(), result.port, 10);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;

  if (host.empty()) return result;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  // Without brackets, "2001:db8::1:80" could be read either way.
  if (!address || brackets != (host.find(':') != std::string_view::npos)) return std::nullopt;
  result.address = *address;
  return result;
}

std::string ListenAddress::to_string() const {
  if (is_unix()) return "unix:" + path;
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
}

}  // namespace lossgazer
