#include "metrics/http_get.h"

#include <gmock/gmock.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "metrics/http_server.h"
#include "tests/metrics/one_answer.h"
#include "tests/metrics/scratch_folder.h"

namespace lossgazer {
namespace {

using testing::StartsWith;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

ListenAddress at(std::string_view text) { return ListenAddress::parse(text).value(); }

HttpServerConfig serving(const std::string& address) {
  HttpServerConfig config;
  config.listen = {at(address)};
  return config;
}

HttpHandlers handlers(const std::string& peers) {
  return {.metrics = [] { return std::string(); },
          .healthy = [] { return std::nullopt; },
          .ready = [] { return std::nullopt; },
          .peers = [peers](auto) { return peers; }};
}

TEST(HttpGet, TakesAnAnswerOfManyReads) {
  const std::string megabyte(1 << 20, 'x');
  const HttpServer server(serving("127.0.0.1:0"), handlers(megabyte));
  const HttpPlace place{.host = "localhost", .port = server.bound().front().port};
  const HttpAnswer answer = http_get(place, false, "/api/v1/peers?top=3", 5s, 2 << 20);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, megabyte);
  EXPECT_EQ(http_get(place, false, "/nowhere", 5s, 100).status, 404);
  EXPECT_THAT([&] { (void)http_get(place, false, "/api/v1/peers", 5s, 1000); },
              ThrowsMessage<std::runtime_error>("its answer has more than 1000 bytes"));
}

TEST(HttpGet, AsksAUnixSocket) {
  const ScratchFolder folder;
  const std::string path = folder.path("web.sock");
  const HttpServer server(serving("unix:" + path), handlers("{}"));
  EXPECT_EQ(http_get({.socket = path}, false, "/api/v1/peers", 5s, 100).body, "{}");
}

TEST(HttpGet, SaysWhyNothingCame) {
  EXPECT_THAT([&] { (void)http_get({.host = "127.0.0.1", .port = 1}, false, "/", 5s, 100); },
              ThrowsMessage<std::runtime_error>("Connection refused"));
  EXPECT_THAT([&] { (void)http_get({.socket = "/nonexistent"}, false, "/", 5s, 100); },
              ThrowsMessage<std::runtime_error>("No such file or directory"));
}

TEST(HttpGet, HalfAnAnswerIsNone) {
  const test::OneAnswer half("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  const HttpPlace place{.host = "127.0.0.1", .port = half.bound().port};
  EXPECT_THAT([&] { (void)http_get(place, false, "/", 5s, 100); },
              ThrowsMessage<std::runtime_error>("its answer was cut short"));
}

TEST(HttpPlace, IsWrittenAsItIsRead) {
  EXPECT_EQ((HttpPlace{.host = "a.example", .port = 1}).to_string(), "http://a.example:1");
  EXPECT_EQ((HttpPlace{.host = "::1", .port = 1}).to_string(), "http://[::1]:1");
  EXPECT_THAT((HttpPlace{.socket = "/run/s"}).to_string(), StartsWith("unix:/run/s"));
}

}  // namespace
}  // namespace lossgazer
