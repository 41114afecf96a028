#include "app/check_health.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <stdexcept>

#include "metrics/health_probe.h"
#include "metrics/text_file.h"
#include "metrics/web_config.h"

namespace lossgazer {
namespace {

// Less than what containers' engines and orchestrators give a check that is worth its name.
constexpr std::chrono::seconds kPatience(4);

// Throws if the server will not talk to the likes of us.
bool speaks_tls(const std::string& file) {
  if (file.empty()) return false;
  std::string text;
  try {
    text = read_text_file(file);
  } catch (const std::runtime_error& error) {
    throw WebConfigError(fmt::format("--web.config.file {}: {}", file, error.what()));
  }
  const std::optional<TlsServerConfig> tls = parse_web_config(text, file).tls;
  if (!tls) return false;
  if (tls->client_auth == ClientAuth::kRequireAnyClientCert ||
      tls->client_auth == ClientAuth::kRequireAndVerifyClientCert) {
    throw std::runtime_error(
        fmt::format("check-health: {} asks clients for certificates, and this check has none: turn "
                    "it off, and ask with a client that has one",
                    file));
  }
  return true;
}

}  // namespace

void run_check_health(const Options& options, std::ostream& out) {
  const ListenAddress& listening = options.web.listen.front();
  if (!listening.is_unix() && listening.port == 0) {
    throw UsageError(fmt::format("--web.listen-address {}: the port of one that runs is needed",
                                 listening.to_string()));
  }
  out << ask_health(listening, speaks_tls(options.web.config_file), kPatience) << '\n';
}

}  // namespace lossgazer
