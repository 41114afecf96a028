#include "metrics/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lossgazer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kHash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

WebConfig read(const std::string& text) { return parse_web_config(text, "/etc/lossgazer/web.yml"); }

std::string error(const std::string& text) {
  try {
    (void)read(text);
    return "none";
  } catch (const WebConfigError& found) {
    return found.what();
  }
}

TEST(WebConfig, NothingIsAskedForByAnEmptyFile) {
  for (const char* text : {"", "# only a comment\n", "---\n", "tls_server_config:\n", "{}",
                           "tls_server_config: {}\nbasic_auth_users: {}\nrate_limit:\n"}) {
    const WebConfig config = read(text);
    EXPECT_FALSE(config.tls) << text;
    EXPECT_TRUE(config.users.empty() && config.headers.empty()) << text;
    EXPECT_EQ(config.rate_limit, RateLimitConfig()) << text;
  }
}

TEST(WebConfig, EveryKeyOfTheExportersIsRead) {
  const WebConfig config = read(
      "tls_server_config:\n"
      "  cert_file: server.crt\n"
      "  key_file: /run/secrets/server.key\n"
      "  client_auth_type: RequireAndVerifyClientCert\n"
      "  client_ca_file: ../ca.pem\n"
      "  client_allowed_sans: [prometheus.example, 192.0.2.1]\n"
      "  min_version: TLS13\n"
      "  max_version: TLS13\n"
      "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
      "  prefer_server_cipher_suites: false\n"
      "  curve_preferences: [X25519, CurveP256]\n"
      "http_server_config:\n"
      "  http2: false\n"
      "  headers:\n"
      "    Content-Security-Policy: default-src 'self'\n"
      "    X-Frame-Options: deny\n"
      "    X-Content-Type-Options: nosniff\n"
      "    X-XSS-Protection: ''\n"
      "    Strict-Transport-Security: max-age=31536000\n"
      "basic_auth_users:\n"
      "  alice: " +
      std::string(kHash) +
      "\n"
      "rate_limit:\n"
      "  interval: 1m0.5s\n"
      "  burst: 20\n");
  ASSERT_TRUE(config.tls);
  EXPECT_EQ(config.tls->cert.file, "/etc/lossgazer/server.crt");
  EXPECT_EQ(config.tls->key.file, "/run/secrets/server.key");
  EXPECT_EQ(config.tls->client_ca.file, "/etc/lossgazer/../ca.pem");
  EXPECT_EQ(config.tls->client_auth, ClientAuth::kRequireAndVerifyClientCert);
  EXPECT_THAT(config.tls->client_allowed_sans, ElementsAre("prometheus.example", "192.0.2.1"));
  EXPECT_EQ(config.tls->min_version, TlsVersion::kTls13);
  EXPECT_FALSE(config.tls->prefer_server_cipher_suites);
  EXPECT_THAT(config.tls->curve_preferences, ElementsAre("X25519", "CurveP256"));
  EXPECT_EQ(config.headers.size(), 4U);  // a blank one is not set
  EXPECT_EQ(config.headers.at("X-Frame-Options"), "deny");
  EXPECT_EQ(config.users.at("alice"), kHash);
  EXPECT_EQ(config.rate_limit.interval, std::chrono::milliseconds(60'500));
  EXPECT_EQ(config.rate_limit.burst, 20U);
}

TEST(WebConfig, TakesPemTextAsWell) {
  const WebConfig config = read(
      "tls_server_config:\n"
      "  cert: |\n"
      "    -----BEGIN CERTIFICATE-----\n"
      "  key: secret\n");
  EXPECT_EQ(config.tls->cert.text, "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(config.tls->min_version, TlsVersion::kTls12);
}

TEST(WebConfig, KnowsGosFiveWaysToAskClients) {
  const std::string with_ca =
      "tls_server_config: {cert: a, key: b, client_ca: c, client_auth_type: ";
  EXPECT_EQ(
      read("tls_server_config: {cert: a, key: b, client_auth_type: NoClientCert}").tls->client_auth,
      ClientAuth::kNoClientCert);
  EXPECT_EQ(read(with_ca + "RequestClientCert}").tls->client_auth, ClientAuth::kRequestClientCert);
  EXPECT_EQ(read(with_ca + "RequireAnyClientCert}").tls->client_auth,
            ClientAuth::kRequireAnyClientCert);
  EXPECT_EQ(read(with_ca + "VerifyClientCertIfGiven}").tls->client_auth,
            ClientAuth::kVerifyClientCertIfGiven);
  EXPECT_EQ(read(with_ca + "RequireAndVerifyClientCert}").tls->client_auth,
            ClientAuth::kRequireAndVerifyClientCert);
  EXPECT_THAT(error(with_ca + "RequireClientCertificate}"),
              HasSubstr("client_auth_type: 'RequireClientCertificate' is not one of NoClientCert"));
}

TEST(WebConfig, SaysWhereAndWhy) {
  const std::string users = "basic_auth_users:\n  alice: ";
  const std::string tls = "tls_server_config:\n  cert_file: a\n  key_file: b\n  ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tls_server_configs: {}", ":1: tls_server_configs: unknown key; known are basic_auth_users"},
      {"rate_limit:\n  interval: 1s\n  brust: 1", ":3: brust: unknown key of rate_limit"},
      {"rate_limit: {}\nrate_limit: {}", ":2: rate_limit: given twice"},
      {"[a", ":1: not YAML: "},
      {"a: b\n c: d: e", "not YAML: "},
      {"- a", ":1: : not keys and their values"},
      {"a: 1\n---\nb: 2", ":2: more than one YAML document"},
      {",a: 1", ":1: more than one YAML document"},
      {"tls_server_config: yes", ":1: tls_server_config: not keys and their values"},
      {"tls_server_config:\n  min_version: TLS12", "needs cert_file (or cert)"},
      {"tls_server_config:\n  cert_file: a", "needs key_file (or key)"},
      {tls + "cert: c", "give cert or cert_file, not both"},
      {tls + "min_version: TLS14", ":4: min_version: 'TLS14' is not one of TLS10, TLS11, TLS12"},
      {tls + "min_version: TLS13\n  max_version: TLS12", "min_version: newer than max_version"},
      {tls + "client_ca_file: c", "client_ca_file: not used unless client_auth_type asks"},
      {tls + "client_auth_type: RequireAndVerifyClientCert", "there is no client_ca_file"},
      {tls + "client_allowed_sans: [a]", "client_allowed_sans: not used unless"},
      {tls + "client_allowed_sans: []", "client_allowed_sans: empty"},
      {tls + "client_allowed_sans: a", ":4: client_allowed_sans: not a list"},
      {tls + "prefer_server_cipher_suites: 7", "neither true nor false"},
      {tls + "cert_file: b", ":4: cert_file: given twice"},
      {"http_server_config: {http2: maybe}", "http2: neither true nor false"},
      {"http_server_config:\n  headers:\n    X-Frame-Options: allow",
       ":3: X-Frame-Options: 'allow' is not one of deny, sameorigin"},
      {"http_server_config: {headers: {X-Content-Type-Options: sniff}}", "not one of nosniff"},
      {"http_server_config: {headers: {Server: x}}", "headers: 'Server' is not one of"},
      {"http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb\"}}", "a control character"},
      {users + "secret", ":2: alice: not a bcrypt hash"},
      {users + "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7z", "not a bcrypt hash"},
      {users + "$6$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zGG", "not a bcrypt hash"},
      {users + "$2y$xx$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG", "not a bcrypt hash"},
      {users + "$2y$03$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
       "alice: its bcrypt cost is 3, which is not from 4 to 16"},
      {users + "$2y$31$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG", "cost is 31"},
      {"basic_auth_users: {'a:b': x}", "name is empty or has a colon"},
      {"basic_auth_users: [a]", "not keys and their values"},
      {"rate_limit: {interval: 1}", "interval: not a duration such as 1s"},
      {"rate_limit: {interval: -1s}", "interval: not a duration"},
      {"rate_limit: {interval: 1s}", "rate_limit: a burst of 0 lets nobody in"},
      {"rate_limit: {interval: 1s, burst: -1}", "burst: not a whole number"},
  };
  for (const auto& [text, what] : cases) {
    EXPECT_THAT(error(text),
                testing::AllOf(testing::StartsWith("/etc/lossgazer/web.yml:"), HasSubstr(what)))
        << text;
  }
}

TEST(WebConfig, SecretsStayOutOfErrors) {
  EXPECT_THAT(error("basic_auth_users: {alice: hunter2}"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(error("tls_server_config: {cert: c, key: hunter2, key_file: k}"),
              Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace lossgazer
