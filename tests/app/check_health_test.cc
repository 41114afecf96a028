#include "app/check_health.h"

#include <gmock/gmock.h>

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "metrics/http_server.h"
#include "metrics/web_config.h"
#include "tests/app/config_text.h"
#include "tests/app/environment.h"

namespace lossgazer {
namespace {

using test::ConfigText;
using test::Environment;
using testing::HasSubstr;
using testing::ThrowsMessage;

// A server as the program runs one, and the command that asks for its health.
class CheckHealth : public testing::Test {
 protected:
  static std::string check(std::vector<const char*> words = {}) {
    words.insert(words.begin(), {"lossgazer", "check-health"});
    const Options options = parse_options(static_cast<int>(words.size()), words.data());
    EXPECT_EQ(options.command, Options::Command::kCheckHealth);
    std::ostringstream out;
    run_check_health(options, out);
    return out.str();
  }

  HttpServer server_{{.listen = {*ListenAddress::parse("127.0.0.1:0")}, .page = "<p>a page</p>"},
                     {.metrics = [] { return std::string(); },
                      .healthy = [] { return std::nullopt; },
                      .ready = [] { return "no interface"; }}};
  const std::string address_ = server_.bound().front().to_string();
  const std::string healthy_ = address_ + ": healthy\n";
};

TEST_F(CheckHealth, AsksWhereTheServersOwnOptionsSay) {
  EXPECT_EQ(check({"--web.listen-address", address_.c_str()}), healthy_);
  {
    const Environment where("LOSSGAZER_WEB_LISTEN_ADDRESS", address_ + ",[::]:1");
    EXPECT_EQ(check(), healthy_) << "the first of several";
  }
  const ConfigText file("web.listen-address: '" + address_ + "'\npeers.max: 5\n");
  EXPECT_EQ(check({"--config.file", file.path().c_str()}), healthy_);
}

// They are the running one's to complain of.
TEST_F(CheckHealth, OtherOptionsInTheEnvironmentAreNotItsOwn) {
  const Environment bad("LOSSGAZER_PEERS_MAX", "many");
  EXPECT_EQ(check({"--web.listen-address", address_.c_str()}), healthy_);
}

TEST_F(CheckHealth, AWebConfigurationWithoutTlsIsAskedPlainly) {
  const ConfigText web("rate_limit: {interval: 1s, burst: 5}\n");
  EXPECT_EQ(
      check({"--web.listen-address", address_.c_str(), "--web.config.file", web.path().c_str()}),
      healthy_);
}

TEST_F(CheckHealth, OneWithTlsIsAskedByTls) {
  const ConfigText web("tls_server_config: {cert_file: a.pem, key_file: a.key}\n");
  EXPECT_THAT(
      ([&] {
        check({"--web.listen-address", address_.c_str(), "--web.config.file", web.path().c_str()});
      }),
      ThrowsMessage<std::runtime_error>(HasSubstr(address_ + ": TLS: ")));
}

TEST_F(CheckHealth, OneThatAsksForCertificatesCannotBeAsked) {
  const ConfigText web(
      "tls_server_config: {cert_file: a.pem, key_file: a.key, client_ca_file: ca.pem, "
      "client_auth_type: RequireAndVerifyClientCert}\n");
  EXPECT_THAT(
      ([&] {
        check({"--web.listen-address", address_.c_str(), "--web.config.file", web.path().c_str()});
      }),
      ThrowsMessage<std::runtime_error>(HasSubstr(web.path() + " asks clients for certificates")));
}

TEST_F(CheckHealth, WhatCannotBeAskedIsAMistakeOfTheUser) {
  EXPECT_THAT(
      [] {
        check({"--web.listen-address", "127.0.0.1:0"});
      },
      ThrowsMessage<UsageError>(HasSubstr("--web.listen-address 127.0.0.1:0: ")));
  EXPECT_THAT(
      [] {
        check({"--web.config.file", "/nonesuch"});
      },
      ThrowsMessage<WebConfigError>(HasSubstr("--web.config.file /nonesuch: ")));
  EXPECT_THAT(
      [] {
        check({"--peers.max", "5"});
      },
      ThrowsMessage<UsageError>(HasSubstr("an option of another command")));
}

}  // namespace
}  // namespace lossgazer
