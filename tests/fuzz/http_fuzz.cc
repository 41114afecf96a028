// Sends arbitrary bytes to the web server, over a socket: it answers or hangs up, and goes on
// answering others.
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "metrics/http_server.h"

namespace lossgazer {
namespace {

std::string socket_path() { return "/tmp/lossgazer-fuzz-" + std::to_string(getpid()); }

HttpServer& server() {
  static const auto the_server = std::make_unique<HttpServer>(
      HttpServerConfig{.listen = {*ListenAddress::parse("unix:" + socket_path())}, .page = "page"},
      HttpHandlers{.metrics = [] { return std::string(2000, 'm'); },
                   .healthy = []() -> std::optional<std::string> { return std::nullopt; },
                   .ready = []() -> std::optional<std::string> { return std::nullopt; },
                   .peers = [](auto) { return std::string("{}"); },
                   .reload = []() -> std::optional<std::string> { return std::nullopt; }});
  return *the_server;
}

// Sends all, then reads until the server hangs up or says nothing for so long.
std::string ask(std::string_view bytes, timeval patience) {
  const int one = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket_path();
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const void* const general = &address;
  if (connect(one, static_cast<const sockaddr*>(general), sizeof address) != 0) abort();
  while (!bytes.empty()) {
    const ssize_t sent = send(one, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  std::string answer;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = recv(one, buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<size_t>(count));
  }
  close(one);
  return answer;
}

}  // namespace
}  // namespace lossgazer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lossgazer;
  static unsigned turn = 0;
  (void)server();
  const std::string input(data, data + size);
  (void)ask(input, {.tv_sec = 0, .tv_usec = 2000});
  if (++turn % 64 == 0) {
    const std::string good = ask("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                 {.tv_sec = 20, .tv_usec = 0});
    if (!good.starts_with("HTTP/1.1 200")) abort();
  }
  return 0;
}
