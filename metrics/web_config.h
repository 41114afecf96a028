// The web configuration file that Prometheus exporters share (exporter-toolkit): TLS, users,
// headers, a rate limit. It reads text and says what is wrong in it; it opens no file.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lossgazer {

// The file, or one that it names, can never work. what() says which, where and why.
class WebConfigError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class TlsVersion : uint8_t { kTls10, kTls11, kTls12, kTls13 };
// As Go names them: whether a client's certificate is asked for, must be there, and is verified.
enum class ClientAuth : uint8_t {
  kNoClientCert,
  kRequestClientCert,
  kRequireAnyClientCert,
  kVerifyClientCertIfGiven,
  kRequireAndVerifyClientCert,
};

// Text of its own, or the path of a file that holds it; both empty: none.
struct PemSource {
  std::string text;
  std::string file;

  [[nodiscard]] bool empty() const { return text.empty() && file.empty(); }
};

struct TlsServerConfig {
  PemSource cert;
  PemSource key;
  PemSource client_ca;
  ClientAuth client_auth = ClientAuth::kNoClientCert;
  std::vector<std::string> client_allowed_sans;
  TlsVersion min_version = TlsVersion::kTls12;
  TlsVersion max_version = TlsVersion::kTls13;
  std::vector<std::string> cipher_suites;  // Go's names; empty: GnuTLS's own choice
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curve_preferences;  // Go's names
};

struct RateLimitConfig {
  std::chrono::nanoseconds interval{0};  // 0: no limit
  uint32_t burst = 0;

  bool operator==(const RateLimitConfig&) const = default;
};

struct WebConfig {
  std::optional<TlsServerConfig> tls;
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> users;  // to bcrypt hashes
  RateLimitConfig rate_limit;
};

// Reads the YAML `text` of `file`; relative paths in it are taken from that file's folder.
// `http2` is accepted, and HTTP/1.1 is spoken all the same.
//
// Throws WebConfigError "FILE:LINE: KEY: what is wrong" for what is no YAML, unknown or repeated
// keys, and values that will not do. Secrets are never in it.
[[nodiscard]] WebConfig parse_web_config(const std::string& text, const std::string& file);

}  // namespace lossgazer
