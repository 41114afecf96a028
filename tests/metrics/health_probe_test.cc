#include "metrics/health_probe.h"

#include <gmock/gmock.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>

#include "metrics/http_server.h"
#include "metrics/listen_socket.h"
#include "tests/metrics/one_answer.h"
#include "tests/metrics/scratch_folder.h"

namespace lossgazer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

ListenAddress at(std::string_view text) { return ListenAddress::parse(text).value(); }

class HealthProbe : public testing::Test {
 protected:
  void serve(const std::string& address, const std::string& web_config = "") {
    HttpServerConfig config;
    config.listen = {at(address)};
    config.page = "<p>a page</p>\n";
    config.config_file = web_config;
    server_.emplace(std::move(config),
                    HttpHandlers{.metrics = [] { return std::string(); },
                                 .healthy =
                                     [this] {
                                       return ill_ ? std::optional<std::string>("worker 3 hangs")
                                                   : std::nullopt;
                                     },
                                 .ready = [] { return std::nullopt; }});
  }
  std::string ask() { return ask_health(server_->bound().front(), false, 5s); }

  std::atomic<bool> ill_ = false;
  std::optional<HttpServer> server_;
};

TEST_F(HealthProbe, SaysWhoIsHealthy) {
  serve("127.0.0.1:0");
  EXPECT_EQ(ask(), server_->bound().front().to_string() + ": healthy");
}

TEST_F(HealthProbe, SaysWhoIsNotAndWhy) {
  serve("127.0.0.1:0");
  ill_ = true;
  EXPECT_THAT([&] { (void)ask(); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("check the health of 127.0.0.1:"),
                                                      HasSubstr(": not healthy: worker 3 hangs"))));
}

TEST_F(HealthProbe, AsksOneThatTakesEveryAddressOnLoopback) {
  serve("[::]:0");
  EXPECT_THAT(ask(), AllOf(StartsWith("127.0.0.1:"), HasSubstr(": healthy")));
}

TEST_F(HealthProbe, AsksAUnixSocket) {
  const ScratchFolder folder;
  serve("unix:" + folder.path("web.sock"));
  EXPECT_THAT(ask(), AllOf(StartsWith("unix:"), HasSubstr(": healthy")));
}

TEST_F(HealthProbe, AnAnswerThatWantsAPasswordIsAlive) {
  const ScratchFolder folder;
  folder.write(
      "web.yml",
      "basic_auth_users: {a: $2b$04$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea}\n");
  serve("127.0.0.1:0", folder.path("web.yml"));
  EXPECT_THAT(ask(), HasSubstr("only with a password (401)"));
}

TEST_F(HealthProbe, NobodyThereIsToldWithTheReason) {
  serve("127.0.0.1:0");
  const ListenAddress gone = server_->bound().front();
  server_.reset();
  EXPECT_THAT([&] { (void)ask_health(gone, false, 5s); },
              ThrowsMessage<std::runtime_error>("check the health of " + gone.to_string() +
                                                ": Connection refused"));
  EXPECT_THAT([&] { (void)ask_health(at("unix:/nonesuch/web.sock"), false, 5s); },
              ThrowsMessage<std::runtime_error>(HasSubstr("No such file or directory")));
}

TEST_F(HealthProbe, PlainAnswersAreNoTls) {
  serve("127.0.0.1:0");
  EXPECT_THAT([&] { (void)ask_health(server_->bound().front(), true, 5s); },
              ThrowsMessage<std::runtime_error>(HasSubstr(": TLS: ")));
}

// A process that hangs still has a kernel that takes connections.
TEST(HealthProbeOfAnotherProgram, SilenceEndsInTime) {
  const ListenSocket silent(at("127.0.0.1:0"));
  for (const bool tls : {false, true}) {
    EXPECT_THAT([&] { (void)ask_health(silent.bound(), tls, 50ms); },
                ThrowsMessage<std::runtime_error>(HasSubstr("no answer in time")));
  }
}

std::string ask_who_says(std::string_view bytes) {
  const test::OneAnswer other(bytes);
  try {
    return ask_health(other.bound(), false, 5s);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(HealthProbeOfAnotherProgram, WhatIsNoExportersAnswerIsNotHealthy) {
  EXPECT_THAT(ask_who_says("HTTP/1.1 404 Not Found\r\n\r\nno"),
              HasSubstr("no exporter's answer: status 404"));
  EXPECT_THAT(ask_who_says("HTTP/1.1 429 Too Many Requests\r\n\r\n"), HasSubstr(": answers, "));
  for (const std::string_view text :
       {"SSH-2.0-x\r\n", "HTTP/1.", "HTTP/1.1 2", "HTTP/1.1 2x0 OK"}) {
    EXPECT_THAT(ask_who_says(text), HasSubstr("speaks no HTTP")) << text;
  }
  EXPECT_THAT(ask_who_says(""), HasSubstr("closed the connection without an answer"));
  EXPECT_THAT(ask_who_says("HTTP/1.1 503 Service Unavailable\r\n"), HasSubstr("not healthy: "));
  const std::string endless = "HTTP/1.1 503 Service Unavailable\r\n\r\n" + std::string(8000, 'a');
  EXPECT_THAT(ask_who_says(endless), HasSubstr("not healthy: aaaa"));
}

}  // namespace
}  // namespace lossgazer
