#include "tests/metrics/http_client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace lossgazer {

HttpClient::HttpClient(const ListenAddress& server) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  server.path.copy(local.sun_path, sizeof local.sun_path - 1);
  if (!server.is_unix() && getaddrinfo(server.address.to_string().c_str(),
                                       std::to_string(server.port).c_str(), &hints, &found) != 0) {
    throw std::runtime_error("not an address: " + server.to_string());
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> info(found, [](addrinfo* list) {
    if (list) freeaddrinfo(list);
  });
  const sockaddr* address = info ? info->ai_addr : reinterpret_cast<const sockaddr*>(&local);
  descriptor_ = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{5, 0};
  if (descriptor_ < 0 ||
      setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
      connect(descriptor_, address, info ? info->ai_addrlen : sizeof local) != 0) {
    if (descriptor_ >= 0) close(descriptor_);
    throw std::runtime_error("cannot connect to " + server.to_string());
  }
}

HttpClient::~HttpClient() { close(descriptor_); }

void HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // reading tells
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

bool HttpClient::readable() const {
  pollfd readable{.fd = descriptor_, .events = POLLIN, .revents = 0};
  return poll(&readable, 1, 0) == 1;
}

bool HttpClient::receive() {
  std::array<char, 4096> buffer{};
  const ssize_t count = recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  received_.append(buffer.data(), static_cast<size_t>(count));
  return true;
}

HttpResponse HttpClient::read(bool head) {
  HttpResponse response;
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive()) return response;
  }
  const std::string lines = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  response.status = std::stoi(lines.substr(lines.find(' ') + 1));
  for (size_t at = lines.find("\r\n") + 2; at < lines.size();) {
    const size_t line_end = lines.find("\r\n", at);
    const size_t colon = lines.find(": ", at);
    response.headers[lines.substr(at, colon - at)] = lines.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  const auto length = response.headers.find("Content-Length");
  if (head || length == response.headers.end()) return response;
  const size_t size = std::stoul(length->second);
  while (received_.size() < size && receive()) {
  }
  response.body = received_.substr(0, size);
  received_.erase(0, size);
  return response;
}

HttpResponse HttpClient::request(std::string_view method, std::string_view path,
                                 std::string_view headers) {
  send(fmt::format("{} {} HTTP/1.1\r\nHost: lossgazer.example\r\n{}\r\n", method, path, headers));
  return read(method == "HEAD");
}

}  // namespace lossgazer
