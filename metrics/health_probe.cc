#include "metrics/health_probe.h"

#include <fmt/format.h>

#include <stdexcept>
#include <string_view>

#include "metrics/http_get.h"

namespace lossgazer {
namespace {

// A health page is a line; more than this is none.
constexpr size_t kAnswerMax = 8192;

HttpPlace place_of(const ListenAddress& server) {
  if (server.is_unix()) return {.socket = server.path};
  return {.host = server.address.to_string(), .port = server.port};
}

std::string judge(const HttpAnswer& answer) {
  switch (answer.status) {
    case 200:
      return "healthy";
    case 401:
      return "answers, and tells its health only with a password (401)";
    case 429:
      return "answers, and has no more requests to give for now (429)";
    case 503:
      throw std::runtime_error(
          fmt::format("not healthy: {}", answer.body.substr(0, answer.body.find_first_of("\r\n"))));
    default:
      throw std::runtime_error(fmt::format("no exporter's answer: status {}", answer.status));
  }
}

}  // namespace

ListenAddress address_to_ask(const ListenAddress& listening) {
  ListenAddress result = listening;
  const bool takes_all = listening.address == IpAddress() || listening.address == IpAddress::v4(0);
  // "::" takes IPv4 too, and many containers have no ::1.
  if (!listening.is_unix() && takes_all) result.address = IpAddress::v4(0x7f000001);
  return result;
}

std::string ask_health(const ListenAddress& listening, bool tls,
                       std::chrono::milliseconds patience) {
  const ListenAddress server = address_to_ask(listening);
  try {
    return fmt::format("{}: {}", server.to_string(),
                       judge(http_get(place_of(server), tls, "/-/healthy", patience, kAnswerMax)));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("check the health of {}: {}", server.to_string(), error.what()));
  }
}

}  // namespace lossgazer
