#include "metrics/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/metrics/http_client.h"

namespace lossgazer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

ListenAddress at(std::string_view text) { return ListenAddress::parse(text).value(); }

HttpServerConfig config(std::vector<ListenAddress> listen) {
  HttpServerConfig result;
  result.listen = std::move(listen);
  result.version = "0.1.0";
  return result;
}

class HttpServerTest : public testing::Test {
 protected:
  HttpHandlers handlers() {
    return {[this] {
              ++scrapes_;
              return read(metrics_)();
            },
            [this] { return read(unhealthy_); }, [this] { return read(unready_); }};
  }
  template <typename T>
  T read(const T& field) {
    const std::lock_guard lock(mutex_);
    return field;
  }
  template <typename T>
  void set(T& field, T value) {
    const std::lock_guard lock(mutex_);
    field = std::move(value);
  }
  // From a connection of its own.
  HttpResponse request(std::string_view method, std::string_view path) {
    return HttpClient(server_.bound().front()).request(method, path);
  }

  using Render = std::function<std::string()>;
  using Reason = std::optional<std::string>;

  std::atomic<int> scrapes_ = 0;
  std::mutex mutex_;  // the server's threads read what tests set
  Render metrics_ = [] { return std::string("a 1\n"); };
  Reason unhealthy_;
  Reason unready_;
  HttpServer server_{config({at("127.0.0.1:0")}), handlers()};
};

TEST_F(HttpServerTest, ServesMetricsAsTheTextFormat) {
  const HttpResponse response = request("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "a 1\n");
  EXPECT_EQ(response.headers.at("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(request("GET", "/metrics?name[]=a").body, "a 1\n");
}

TEST_F(HttpServerTest, HeadOfMetricsIsNoScrape) {
  HttpClient client(server_.bound().front());
  const HttpResponse response = client.request("HEAD", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(scrapes_, 0);
}

TEST_F(HttpServerTest, ServesALargeExpositionWhole) {
  set(metrics_, Render([] { return std::string(8'000'000, 'x'); }));
  EXPECT_EQ(request("GET", "/metrics").body, std::string(8'000'000, 'x'));
}

TEST_F(HttpServerTest, HealthChecksTellTheReasonAndRenderNothing) {
  EXPECT_EQ(request("GET", "/-/healthy").status, 200);
  EXPECT_EQ(request("GET", "/-/ready").status, 200);
  set(unhealthy_, Reason("worker 1 has not moved for 30 s"));
  EXPECT_EQ(request("GET", "/-/healthy").status, 503);
  EXPECT_EQ(request("GET", "/-/healthy").body, "worker 1 has not moved for 30 s\n");
  EXPECT_EQ(request("HEAD", "/-/healthy").status, 503);
  EXPECT_EQ(request("GET", "/-/ready").status, 200);
  set(unready_, Reason("no interface is open"));
  EXPECT_EQ(request("GET", "/-/ready").status, 503);
  EXPECT_EQ(request("GET", "/-/ready").body, "no interface is open\n");
  EXPECT_EQ(scrapes_, 0);
}

TEST_F(HttpServerTest, PageLinksToEverythingElse) {
  const HttpResponse response = request("GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(response.body,
              AllOf(HasSubstr("lossgazer 0.1.0"), HasSubstr("href=\"/metrics\""),
                    HasSubstr("href=\"/-/healthy\""), HasSubstr("href=\"/-/ready\"")));
  const HttpResponse head = request("HEAD", "/");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("Content-Length"), std::to_string(response.body.size()));
}

TEST_F(HttpServerTest, UnknownPathIsNotFound) {
  for (const char* path : {"/metric", "/metrics/", "/-/", "/favicon.ico", "//"}) {
    EXPECT_EQ(request("GET", path).status, 404) << path;
  }
}

TEST_F(HttpServerTest, OtherMethodsAreNotAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const HttpResponse response = request(method, "/metrics");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.headers.at("Allow"), "GET, HEAD") << method;
  }
  EXPECT_EQ(scrapes_, 0);
}

TEST_F(HttpServerTest, BodyIsRefusedUnread) {
  HttpClient client(server_.bound().front());
  client.send("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc");
  EXPECT_EQ(client.read().status, 405);
}

TEST_F(HttpServerTest, BodyOfAGetIsIgnored) {
  HttpClient client(server_.bound().front());
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(client.read().body, "a 1\n");
  EXPECT_EQ(scrapes_, 1);
}

TEST_F(HttpServerTest, KeepsConnectionsOpen) {
  HttpClient client(server_.bound().front());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.request("GET", "/metrics").body, "a 1\n");
  EXPECT_EQ(client.request("GET", "/nothing").status, 404);
  EXPECT_EQ(client.request("HEAD", "/-/healthy").status, 200);
  EXPECT_EQ(client.request("GET", "/metrics").body, "a 1\n");
}

TEST_F(HttpServerTest, HalfOpenClientsDelayNoScrape) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server_.bound().front()));
    if (i % 2 == 0) clients.back()->send("GET /metrics HTTP/1.1\r\nHos");
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(request("GET", "/metrics").body, "a 1\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(HttpServerTest, OneClientsConnectionsAreBounded) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  int served = 0;
  for (int i = 0; i < 70; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server_.bound().front()));
    if (clients.back()->request("GET", "/-/healthy").status == 200) ++served;
  }
  EXPECT_EQ(served, 64);
}

TEST_F(HttpServerTest, LongHeadersAreRefused) {
  HttpClient client(server_.bound().front());
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_NE(client.read().status, 200);
  EXPECT_EQ(scrapes_, 0);
}

TEST_F(HttpServerTest, WhatAHandlerThrowsIsAnInternalError) {
  set(metrics_, Render([]() -> std::string { throw std::runtime_error("no snapshot yet"); }));
  const HttpResponse response = request("GET", "/metrics");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "no snapshot yet\n");
  set(metrics_, Render([]() -> std::string { throw 1; }));
  EXPECT_EQ(request("GET", "/metrics").status, 0);
  set(metrics_, Render([] { return std::string("a 2\n"); }));
  EXPECT_EQ(request("GET", "/metrics").body, "a 2\n");
}

// Clients that ask and do not read hold their texts in memory, up to the limit.
TEST_F(HttpServerTest, ScrapesAtOnceAreBounded) {
  set(metrics_, Render([] { return std::string(6'000'000, 'x'); }));
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server_.bound().front()));
    clients.back()->send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (scrapes_ < 40 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(request("GET", "/metrics").status, 503);
  EXPECT_EQ(request("GET", "/-/healthy").status, 200);
  EXPECT_EQ(scrapes_, 40);
  clients.clear();
  int status = 503;
  while (status == 503 && std::chrono::steady_clock::now() < give_up) {
    status = request("GET", "/metrics").status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, PortInUseSaysSoAndWhatToDo) {
  const ListenAddress taken = server_.bound().front();
  EXPECT_THAT([&] { HttpServer(config({taken}), handlers()); },
              ThrowsMessage<std::runtime_error>(
                  "listen on " + taken.to_string() +
                  ": Address already in use; another program holds the port: choose another with "
                  "--web.listen-address"));
}

TEST_F(HttpServerTest, AddressOfNoInterfaceSaysSo) {
  EXPECT_THAT([&] { HttpServer(config({at("192.0.2.1:10119")}), handlers()); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr("listen on 192.0.2.1:10119: Cannot assign requested address"),
                        HasSubstr("--web.listen-address"))));
}

TEST_F(HttpServerTest, OneBadAddressStopsThemAll) {
  const ListenAddress taken = server_.bound().front();
  EXPECT_THROW(HttpServer(config({at("127.0.0.1:0"), taken}), handlers()), std::runtime_error);
}

TEST_F(HttpServerTest, UnspecifiedAddressServesBothFamilies) {
  const HttpServer server(config({at("[::]:0")}), handlers());
  const uint16_t port = server.bound().front().port;
  ASSERT_NE(port, 0);
  EXPECT_EQ(HttpClient({at("127.0.0.1:0").address, port}).request("GET", "/metrics").status, 200);
  EXPECT_EQ(HttpClient({at("[::1]:0").address, port}).request("GET", "/metrics").status, 200);
}

TEST_F(HttpServerTest, SeveralAddressesServeTheSame) {
  const HttpServer server(config({at("127.0.0.1:0"), at("[::1]:0"), at("127.0.0.2:0")}),
                          handlers());
  ASSERT_EQ(server.bound().size(), 3U);
  EXPECT_EQ(server.bound()[1].to_string().substr(0, 6), "[::1]:");
  for (const ListenAddress& address : server.bound()) {
    EXPECT_EQ(HttpClient(address).request("GET", "/metrics").body, "a 1\n") << address.to_string();
  }
}

TEST_F(HttpServerTest, TelemetryPathCanBeChosen) {
  HttpServerConfig chosen = config({at("127.0.0.1:0")});
  chosen.telemetry_path = "/loss/metrics";
  const HttpServer server(chosen, handlers());
  HttpClient client(server.bound().front());
  EXPECT_EQ(client.request("GET", "/loss/metrics").body, "a 1\n");
  EXPECT_EQ(client.request("GET", "/metrics").status, 404);
  EXPECT_THAT(client.request("GET", "/").body, HasSubstr("href=\"/loss/metrics\""));
}

TEST_F(HttpServerTest, TelemetryPathThatCannotBeServedIsRefused) {
  for (const char* path : {"", "/", "metrics", "/-/healthy", "/-/ready", "/a b", "/\"><script>"}) {
    EXPECT_FALSE(is_telemetry_path(path)) << path;
    HttpServerConfig bad = config({at("127.0.0.1:0")});
    bad.telemetry_path = path;
    EXPECT_THROW(HttpServer(bad, handlers()), std::runtime_error) << path;
  }
  EXPECT_TRUE(is_telemetry_path("/metrics"));
}

TEST_F(HttpServerTest, StopsAtOnceAndFreesThePort) {
  ListenAddress address;
  std::vector<std::unique_ptr<HttpClient>> clients;
  const auto start = std::chrono::steady_clock::now();
  {
    const HttpServer server(config({at("127.0.0.1:0")}), handlers());
    address = server.bound().front();
    for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<HttpClient>(address));
    EXPECT_EQ(clients[0]->request("GET", "/metrics").status, 200);
    clients[1]->send("GET /met");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(clients[0]->request("GET", "/metrics").status, 0);
  const HttpServer next(config({address}), handlers());
  EXPECT_EQ(HttpClient(address).request("GET", "/metrics").status, 200);
}

}  // namespace
}  // namespace lossgazer
