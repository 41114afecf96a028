#include "metrics/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "tests/metrics/http_client.h"
#include "tests/metrics/scratch_folder.h"

namespace lossgazer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

ListenAddress at(std::string_view text) { return ListenAddress::parse(text).value(); }

HttpServerConfig config(std::vector<ListenAddress> listen) {
  HttpServerConfig result;
  result.listen = std::move(listen);
  result.page = "<p>a page</p>\n";
  return result;
}

class HttpServerTest : public testing::Test {
 protected:
  HttpHandlers handlers() {
    return {[this] {
              ++scrapes_;
              return read(metrics_)();
            },
            [this] { return read(unhealthy_); }, [this] { return read(unready_); },
            [](std::optional<size_t> top) {
              return top ? "[" + std::to_string(*top) + "]" : std::string("[]");
            },
            [this] {
              ++reloads_;
              return read(unreloadable_);
            }};
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
  std::atomic<int> reloads_ = 0;
  std::mutex mutex_;  // the server's threads read what tests set
  Render metrics_ = [] { return std::string("a 1\n"); };
  Reason unhealthy_;
  Reason unready_;
  Reason unreloadable_;
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

// Seen by what every thread takes over from the one that started it.
TEST_F(HttpServerTest, ItsThreadsHaveWhatTheirFirstOneGaveUp) {
  constexpr unsigned long kSlack = 1'234'567;
  HttpServerConfig changed = config({at("127.0.0.1:0")});
  changed.threads_begin = [] { prctl(PR_SET_TIMERSLACK, kSlack, 0, 0, 0); };
  set(metrics_, Render([] { return std::to_string(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)); }));
  const HttpServer server(changed, handlers());
  for (int i = 0; i < 8; ++i) {  // by whichever thread
    EXPECT_EQ(HttpClient(server.bound().front()).request("GET", "/metrics").body,
              std::to_string(kSlack));
  }
  EXPECT_NE(static_cast<unsigned long>(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)), kSlack);
}

TEST_F(HttpServerTest, AServerWhoseThreadsCannotBeginIsAnError) {
  HttpServerConfig changed = config({at("127.0.0.1:0")});
  changed.threads_begin = [] { throw std::runtime_error("no"); };
  EXPECT_THAT([&] { const HttpServer server(changed, handlers()); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no")));
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

TEST_F(HttpServerTest, ServesThePageItWasGiven) {
  const HttpResponse response = request("GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(response.body, "<p>a page</p>\n");
  EXPECT_THAT(response.headers.at("Content-Security-Policy"),
              AllOf(HasSubstr("default-src 'none'"), HasSubstr("script-src 'unsafe-inline'"),
                    HasSubstr("style-src 'unsafe-inline'"), HasSubstr("connect-src 'self'")));
  EXPECT_EQ(response.headers.at("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.headers.at("X-Frame-Options"), "DENY");
  EXPECT_EQ(response.headers.at("Referrer-Policy"), "no-referrer");
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
  client.send("POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc");
  EXPECT_EQ(client.read().status, 413);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(HttpServerTest, EndlessBodyEndsTheConnection) {
  HttpClient client(server_.bound().front());
  client.send("POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 8; ++i) client.send("400\r\n" + std::string(1024, 'x') + "\r\n");
  EXPECT_EQ(client.read().status, 0);
  EXPECT_EQ(reloads_, 0);
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

TEST_F(HttpServerTest, HalfOpenClientsAndSlowReadersDelayNoScrape) {
  set(metrics_, Render([] { return std::string(2'000'000, 'x'); }));
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 48; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server_.bound().front()));
    // 16 say nothing, 16 break off, 16 ask and do not read.
    if (i % 3 == 1) clients.back()->send("GET /metrics HTTP/1.1\r\nHos");
    if (i % 3 == 2) clients.back()->send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (scrapes_ < 16 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  set(metrics_, Render([] { return std::string("a 1\n"); }));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(request("GET", "/metrics").body, "a 1\n");
  const auto taken = std::chrono::steady_clock::now() - start;
  std::cout << "a scrape took " << std::chrono::duration<double, std::milli>(taken).count()
            << " ms\n";
  EXPECT_LT(taken, std::chrono::seconds(2));
}

TEST_F(HttpServerTest, ConcurrentScrapesAreAllServed) {
  std::vector<std::thread> scrapers;
  std::atomic<int> served = 0;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&] {
      for (int j = 0; j < 25; ++j) served += request("GET", "/metrics").body == "a 1\n" ? 1 : 0;
    });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(served, 100);
  EXPECT_EQ(scrapes_, 100);
}

TEST_F(HttpServerTest, HeadersByTheByteAreCutOff) {
  HttpServerConfig hasty = config({at("127.0.0.1:0")});
  hasty.limits.request = std::chrono::milliseconds(300);
  const HttpServer server(hasty, handlers());
  HttpClient client(server.bound().front());
  // Never idle, never done: twenty seconds, if it were let.
  std::atomic<bool> ended = false;
  std::thread trickle([&] {
    client.send("GET /metrics HTTP/1.1\r\nX: ");
    for (int i = 0; i < 400 && !ended; ++i) {
      client.send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  EXPECT_EQ(client.read().status, 0);
  ended = true;
  trickle.join();
  EXPECT_EQ(scrapes_, 0);
}

TEST_F(HttpServerTest, AnswersNotReadAreCutOff) {
  HttpServerConfig hasty = config({at("127.0.0.1:0")});
  hasty.limits.answer = std::chrono::milliseconds(300);
  const HttpServer server(hasty, handlers());
  set(metrics_, Render([] { return std::string(20'000'000, 'x'); }));
  HttpClient client(server.bound().front());
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::seconds(3));  // unread; overdue since long
  EXPECT_LT(client.read().body.size(), 20'000'000U);
}

TEST_F(HttpServerTest, ConnectionsAreBoundedOverAllAddresses) {
  HttpServerConfig small = config({at("127.0.0.1:0"), at("127.0.0.2:0"), at("[::1]:0")});
  small.limits.all = 10;
  const HttpServer server(small, handlers());
  std::vector<std::unique_ptr<HttpClient>> clients;
  int served = 0;
  for (int i = 0; i < 15; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server.bound()[static_cast<size_t>(i) % 3]));
    if (clients.back()->request("GET", "/-/healthy").status == 200) ++served;
  }
  EXPECT_EQ(served, 10);
  clients.clear();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  int status = 0;
  while (status != 200 && std::chrono::steady_clock::now() < give_up) {
    status = HttpClient(server.bound().front()).request("GET", "/-/healthy").status;
  }
  EXPECT_EQ(status, 200);
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
}

TEST_F(HttpServerTest, TelemetryPathThatCannotBeServedIsRefused) {
  for (const char* path :
       {"", "/", "metrics", "/-/healthy", "/-/ready", "/api/v1/peers", "/a b", "/\"><script>"}) {
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

TEST_F(HttpServerTest, PeersTakeANumber) {
  EXPECT_EQ(request("GET", "/api/v1/peers").body, "[]");
  EXPECT_EQ(request("GET", "/api/v1/peers?other=1").body, "[]");
  const HttpResponse some = request("GET", "/api/v1/peers?top=20");
  EXPECT_EQ(some.body, "[20]");
  EXPECT_EQ(some.headers.at("Content-Type"), "application/json");
  EXPECT_EQ(request("HEAD", "/api/v1/peers").status, 200);
  for (const char* top : {"", "x", "-1", "1.5", "+3", "%201", "99999999999999999999999"}) {
    const HttpResponse bad = request("GET", std::string("/api/v1/peers?top=") + top);
    EXPECT_EQ(bad.status, 400) << top;
    EXPECT_THAT(bad.body, HasSubstr("top: ")) << top;
  }
}

TEST_F(HttpServerTest, ReloadTellsHowItWent) {
  EXPECT_EQ(request("POST", "/-/reload").body, "reloaded\n");
  EXPECT_EQ(reloads_, 1);
  set(unreloadable_, Reason("lossgazer.yml:3: unknown key"));
  const HttpResponse response = request("POST", "/-/reload");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "not reloaded: lossgazer.yml:3: unknown key\n");
  EXPECT_EQ(reloads_, 2);
}

TEST_F(HttpServerTest, ReloadIsForPostAlone) {
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
    const HttpResponse response = request(method, "/-/reload");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.headers.at("Allow"), "POST") << method;
  }
  EXPECT_EQ(reloads_, 0);
}

TEST_F(HttpServerTest, ReloadIsNotForOtherSitesPages) {
  HttpClient client(server_.bound().front());
  EXPECT_EQ(client.request("POST", "/-/reload", "Sec-Fetch-Site: cross-site\r\n").status, 403);
  EXPECT_EQ(client.request("POST", "/-/reload", "Sec-Fetch-Site: same-site\r\n").status, 403);
  EXPECT_EQ(reloads_, 0);
  EXPECT_EQ(client.request("POST", "/-/reload", "Sec-Fetch-Site: same-origin\r\n").status, 200);
}

TEST_F(HttpServerTest, WhatHasNoHandlerIsNotFound) {
  HttpHandlers few = handlers();
  few.peers = nullptr;
  few.reload = nullptr;
  const HttpServer server(config({at("127.0.0.1:0")}), few);
  HttpClient client(server.bound().front());
  EXPECT_EQ(client.request("GET", "/api/v1/peers").status, 404);
  EXPECT_EQ(client.request("GET", "/-/reload").status, 404);
}

TEST_F(HttpServerTest, LongTextsAreCompressedForThoseWhoAccept) {
  set(metrics_, Render([] { return std::string(100'000, 'x'); }));
  HttpClient client(server_.bound().front());
  const HttpResponse packed = client.request("GET", "/metrics", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(packed.headers.at("Content-Encoding"), "gzip");
  EXPECT_EQ(packed.headers.at("Vary"), "Accept-Encoding");
  EXPECT_LT(packed.body.size(), 2'000U);
  const HttpResponse plain = client.request("GET", "/metrics", "Accept-Encoding: gzip;q=0\r\n");
  EXPECT_EQ(plain.headers.count("Content-Encoding"), 0U);
  EXPECT_EQ(plain.headers.at("Vary"), "Accept-Encoding");
  EXPECT_EQ(plain.body, std::string(100'000, 'x'));
}

// A unix socket in a folder of its own.
class UnixSocketTest : public HttpServerTest {
 protected:
  ScratchFolder folder_;
  const std::string path_ = folder_.path("web.sock");
  const ListenAddress address_ = at("unix:" + path_);
};

TEST_F(UnixSocketTest, ServesAndGoesWithTheServer) {
  {
    const HttpServer server(config({address_, at("127.0.0.1:0")}), handlers());
    EXPECT_EQ(server.bound().front(), address_);
    EXPECT_EQ(server.urls().front(), "http://unix:" + path_ + ":/metrics");
    EXPECT_EQ(HttpClient(address_).request("GET", "/metrics").body, "a 1\n");
    EXPECT_EQ(HttpClient(server.bound().back()).request("GET", "/metrics").body, "a 1\n");
    EXPECT_EQ(std::filesystem::status(path_).permissions() & std::filesystem::perms::others_all,
              std::filesystem::perms::none);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, ReplacesWhatADeadProcessLeft) {
  folder_.leave_dead_socket(path_);
  const HttpServer server(config({address_}), handlers());
  EXPECT_EQ(HttpClient(address_).request("GET", "/metrics").body, "a 1\n");
}

TEST_F(UnixSocketTest, RefusesOneThatIsServed) {
  const HttpServer first(config({address_}), handlers());
  EXPECT_THAT([&] { HttpServer(config({address_}), handlers()); },
              ThrowsMessage<std::runtime_error>(
                  "listen on unix:" + path_ +
                  ": Address already in use; another program serves there: stop it, or choose "
                  "another path with --web.listen-address"));
  EXPECT_EQ(HttpClient(address_).request("GET", "/metrics").body, "a 1\n");
}

TEST_F(UnixSocketTest, LeavesOtherFilesAlone) {
  folder_.write("web.sock", "precious");
  EXPECT_THAT([&] { HttpServer(config({address_}), handlers()); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no socket, and is not touched")));
  EXPECT_EQ(folder_.read("web.sock"), "precious");
}

TEST_F(UnixSocketTest, NamesAFolderThatIsMissing) {
  EXPECT_THAT([&] { HttpServer(config({at("unix:" + path_ + "/x")}), handlers()); },
              ThrowsMessage<std::runtime_error>(HasSubstr("its folder does not exist")));
}

// Users, headers and a rate limit, from a web configuration file that changes.
class WebConfigFileTest : public HttpServerTest {
 protected:
  HttpServerConfig config_with(const std::string& text) {
    folder_.write("web.yml", text);
    HttpServerConfig result = config({at("127.0.0.1:0")});
    result.config_file = folder_.path("web.yml");
    result.log.warning = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      warnings_.emplace_back(line);
    };
    return result;
  }
  static int status(const HttpServer& server, const std::string& login) {
    const std::string line = login.empty() ? "" : "Authorization: Basic " + login + "\r\n";
    return HttpClient(server.bound().front()).request("GET", "/metrics", line).status;
  }
  // "secret", at bcrypt's least cost.
  static constexpr const char* kAlice =
      "basic_auth_users: {alice: $2b$04$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea}\n";
  // base64 of alice:secret, alice:wrong, bob:secret
  static constexpr const char* kRight = "YWxpY2U6c2VjcmV0";
  static constexpr const char* kWrong = "YWxpY2U6d3Jvbmc=";
  static constexpr const char* kUnknown = "Ym9iOnNlY3JldA==";

  ScratchFolder folder_;
  std::vector<std::string> warnings_;
};

TEST_F(WebConfigFileTest, OnlyUsersWithTheirPasswordGetIn) {
  const HttpServer server(config_with(kAlice), handlers());
  EXPECT_EQ(status(server, kRight), 200);
  EXPECT_EQ(status(server, kRight), 200);  // remembered
  for (const char* login : {"", kWrong, kUnknown, "YWxpY2U=", "!", "YWxpY2U6", "OnNlY3JldA=="}) {
    EXPECT_EQ(status(server, login), 401) << login;
  }
  HttpClient client(server.bound().front());
  const HttpResponse refused = client.request("GET", "/-/healthy");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.at("WWW-Authenticate"), "Basic realm=\"lossgazer\"");
  EXPECT_EQ(client.request("POST", "/-/reload").status, 401);
  EXPECT_EQ(reloads_, 0);
  EXPECT_EQ(scrapes_, 2);
}

TEST_F(WebConfigFileTest, WrongPasswordsHoldUpNobodyElse) {
  // The second takes about a second to check.
  const HttpServer server(
      config_with("basic_auth_users:\n"
                  "  alice: $2b$04$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea\n"
                  "  carol: $2b$13$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea\n"),
      handlers());
  ASSERT_EQ(status(server, kRight), 200);
  std::vector<std::unique_ptr<HttpClient>> guessers;
  for (int i = 0; i < 50; ++i) {
    guessers.push_back(std::make_unique<HttpClient>(server.bound().front()));
    guessers.back()->send(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Y2Fyb2w6eA==\r\n\r\n");
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(status(server, kRight), 200);
  const auto taken = std::chrono::steady_clock::now() - start;
  std::cout << "a scrape took " << std::chrono::duration<double, std::milli>(taken).count()
            << " ms\n";
  // One after another they would take half a minute.
  EXPECT_LT(taken, std::chrono::seconds(4));
  // Some of them are too many, and are told so before those that wait.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool refused = false;
  while (!refused && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    refused = std::ranges::any_of(guessers, [](const auto& guesser) {
      return guesser->readable() && guesser->read().status == 503;
    });
  }
  EXPECT_TRUE(refused);
}  // and it ends, with logins that wait

TEST_F(WebConfigFileTest, TooManyRequestsAreRefused) {
  const HttpServer server(config_with("rate_limit: {interval: 1h, burst: 3}\n"), handlers());
  HttpClient client(server.bound().front());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.request("GET", "/metrics").status, 200);
  EXPECT_EQ(client.request("GET", "/metrics").status, 429);
  EXPECT_EQ(scrapes_, 3);
}

TEST_F(WebConfigFileTest, HeadersAreAddedAndReplaceOurs) {
  const HttpServer server(config_with("http_server_config:\n"
                                      "  http2: true\n"
                                      "  headers:\n"
                                      "    X-Frame-Options: sameorigin\n"
                                      "    Strict-Transport-Security: max-age=60\n"),
                          handlers());
  const HttpResponse response = HttpClient(server.bound().front()).request("GET", "/-/ready");
  EXPECT_EQ(response.headers.at("X-Frame-Options"), "sameorigin");
  EXPECT_EQ(response.headers.at("Strict-Transport-Security"), "max-age=60");
}

TEST_F(WebConfigFileTest, ChangesHoldAtOnce) {
  const HttpServer server(config_with(kAlice), handlers());
  HttpClient client(server.bound().front());
  EXPECT_EQ(client.request("GET", "/metrics").status, 401);
  folder_.write("web.yml", "");
  EXPECT_EQ(client.request("GET", "/metrics").status, 200);
  folder_.write("web.yml", kAlice);
  EXPECT_EQ(client.request("GET", "/metrics").status, 401);
  EXPECT_THAT(warnings_, testing::IsEmpty());
}

TEST_F(WebConfigFileTest, BadChangesAreToldOnceAndTheOldGoesOn) {
  const HttpServer server(config_with(kAlice), handlers());
  folder_.write("web.yml", "basic_auth_user: {}\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status(server, ""), 401);
  EXPECT_EQ(status(server, kRight), 200);
  folder_.write("web.yml", "tls_server_config: {cert: a, key: b}\n");
  EXPECT_EQ(status(server, ""), 401);
  folder_.remove("web.yml");
  EXPECT_EQ(status(server, ""), 401);
  ASSERT_EQ(warnings_.size(), 3U);
  EXPECT_THAT(warnings_[0], AllOf(HasSubstr("web.yml:1: basic_auth_user: unknown key"),
                                  HasSubstr("what was read before goes on")));
  EXPECT_THAT(warnings_[1], HasSubstr("takes a restart"));
  EXPECT_THAT(warnings_[2], HasSubstr("No such file"));
}

TEST_F(WebConfigFileTest, BadFilesStopTheServer) {
  HttpServerConfig missing = config_with("");
  missing.config_file += "x";
  EXPECT_THAT(
      [&] { HttpServer(missing, handlers()); },
      ThrowsMessage<WebConfigError>(
          AllOf(HasSubstr("--web.config.file"), HasSubstr("web.ymlx: No such file or directory"))));
  const HttpServerConfig bad = config_with("tls_server_config: {cert_file: a, key_file: b}\n");
  EXPECT_THAT([&] { HttpServer(bad, handlers()); },
              ThrowsMessage<WebConfigError>("cert_file " + folder_.path("a") +
                                            ": No such file or directory"));
}

}  // namespace
}  // namespace lossgazer
