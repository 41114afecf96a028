#include "metrics/listen_socket.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lossgazer {
namespace {

constexpr int kBacklog = 128;

std::string_view hint(int error) {
  switch (error) {
    case EADDRINUSE:
      return "; another program holds the port: choose another with --web.listen-address";
    case EADDRNOTAVAIL:
      return "; no interface here has that address: choose another with --web.listen-address";
    case EACCES:
      return "; a port below 1024 takes CAP_NET_BIND_SERVICE: choose a higher one with "
             "--web.listen-address";
    default:
      return "";
  }
}

using AddressInfo = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressInfo resolve(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* result = nullptr;
  const int error = getaddrinfo(address.address.to_string().c_str(),
                                std::to_string(address.port).c_str(), &hints, &result);
  if (error != 0) {
    throw std::runtime_error(
        fmt::format("listen on {}: {}", address.to_string(), gai_strerror(error)));
  }
  return {result, freeaddrinfo};
}

}  // namespace

ListenSocket::ListenSocket(const ListenAddress& address) {
  AddressInfo info = resolve(address);
  const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  descriptor_ = socket(info->ai_family, type, 0);
  if (descriptor_ < 0 && errno == EAFNOSUPPORT && address.address == IpAddress()) {
    info = resolve({IpAddress::v4(0), address.port});
    descriptor_ = socket(info->ai_family, type, 0);
  }
  const int yes = 1;
  const int no = 0;
  const bool ok =
      descriptor_ >= 0 &&
      // Else a restart fails for a minute, while the connections of before are in TIME_WAIT.
      setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      (info->ai_family != AF_INET6 ||
       setsockopt(descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0) &&
      bind(descriptor_, info->ai_addr, info->ai_addrlen) == 0 && listen(descriptor_, kBacklog) == 0;
  if (!ok) {
    const int error = errno;
    if (descriptor_ >= 0) close(descriptor_);
    throw std::runtime_error(fmt::format("listen on {}: {}{}", address.to_string(),
                                         std::generic_category().message(error), hint(error)));
  }
}

ListenSocket::~ListenSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

ListenAddress ListenSocket::bound() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  // The socket interface hands out every family's address under this one type (RFC 3493).
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getsockname(descriptor_, address, &length) != 0 ||
      getnameinfo(address, length, host.data(), host.size(), port.data(), port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    throw std::runtime_error("ask where a listening socket is bound: the system does not say");
  }
  ListenAddress result;
  result.address = IpAddress::parse(host.data()).value_or(IpAddress());
  std::from_chars(port.data(), port.data() + port.size(), result.port);
  return result;
}

int ListenSocket::release() { return std::exchange(descriptor_, -1); }

}  // namespace lossgazer
