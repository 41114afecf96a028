#include "metrics/listen_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lossgazer {
namespace {

constexpr int kBacklog = 128;
constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
// Who may connect to a unix socket: this user and group. The password is another matter.
constexpr mode_t kUnixMode = 0660;
// systemd hands descriptors over from here on.
constexpr int kFirstInherited = 3;

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

std::string_view unix_hint(int error) {
  switch (error) {
    case EADDRINUSE:
      return "; another program serves there: stop it, or choose another path with "
             "--web.listen-address";
    case EEXIST:
      return "; what is there is no socket, and is not touched: choose another path with "
             "--web.listen-address";
    case ENOENT:
    case ENOTDIR:
      return "; its folder does not exist: make it first";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; the user who runs this may not write to its folder";
    default:
      return "";
  }
}

[[noreturn]] void fail(const ListenAddress& address, int error) {
  throw std::runtime_error(fmt::format("listen on {}: {}{}", address.to_string(),
                                       std::generic_category().message(error),
                                       address.is_unix() ? unix_hint(error) : hint(error)));
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  // ListenAddress has no longer ones; the last byte stays 0.
  path.copy(result.sun_path, sizeof result.sun_path - 1);
  return result;
}

// The socket interface takes every family's address under this one type (RFC 3493).
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Removes the socket that a dead process left. Returns 0, or an error of errno's kind: EADDRINUSE
// if it is served, EEXIST if it is no socket.
int remove_stale(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(status.st_mode)) return EEXIST;
  const int probe = socket(AF_UNIX, kType, 0);
  if (probe < 0) return errno;
  const sockaddr_un address = unix_address(path);
  const int error = connect(probe, generic(address), sizeof address) == 0 ? 0 : errno;
  close(probe);
  if (error == ENOENT) return 0;  // it went meanwhile
  // Refused: nobody holds it open. Anything else may be a server that is busy.
  if (error != ECONNREFUSED) return error == EACCES ? EACCES : EADDRINUSE;
  return unlink(path.c_str()) == 0 ? 0 : errno;
}

std::optional<int> number_in_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
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
  try {
    address.is_unix() ? open_unix(address) : open_tcp(address);
  } catch (...) {
    if (descriptor_ >= 0) close(descriptor_);
    throw;
  }
}

void ListenSocket::open_tcp(const ListenAddress& address) {
  AddressInfo info = resolve(address);
  descriptor_ = socket(info->ai_family, kType, 0);
  if (descriptor_ < 0 && errno == EAFNOSUPPORT && address.address == IpAddress()) {
    info = resolve({IpAddress::v4(0), address.port});
    descriptor_ = socket(info->ai_family, kType, 0);
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
  if (!ok) fail(address, errno);
}

void ListenSocket::open_unix(const ListenAddress& address) {
  descriptor_ = socket(AF_UNIX, kType, 0);
  if (descriptor_ < 0) fail(address, errno);
  if (const int error = remove_stale(address.path)) fail(address, error);
  const sockaddr_un bound = unix_address(address.path);
  if (bind(descriptor_, generic(bound), sizeof bound) != 0) fail(address, errno);
  // Until it listens, nobody gets in: the mode comes in time.
  struct stat status {};
  const bool ok = chmod(address.path.c_str(), kUnixMode) == 0 &&
                  lstat(address.path.c_str(), &status) == 0 && listen(descriptor_, kBacklog) == 0;
  if (!ok) {
    const int error = errno;
    unlink(address.path.c_str());
    fail(address, error);
  }
  path_ = address.path;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

ListenSocket::~ListenSocket() {
  struct stat status {};
  // Another process may have put its own in the place of ours.
  if (!path_.empty() && lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_) {
    unlink(path_.c_str());
  }
  if (descriptor_ >= 0) close(descriptor_);
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

std::vector<ListenSocket> ListenSocket::inherited() {
  std::vector<ListenSocket> sockets;
  // Meant for another process, which passed its environment on.
  if (number_in_environment("LISTEN_PID") != getpid()) return sockets;
  const int count = number_in_environment("LISTEN_FDS").value_or(0);
  for (int descriptor = kFirstInherited; descriptor - kFirstInherited < count; ++descriptor) {
    int type = 0;
    int listens = 0;
    socklen_t length = sizeof type;
    const bool ok = getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
                    getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 &&
                    type == SOCK_STREAM && listens != 0 &&
                    fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 &&
                    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0;
    if (!ok) {
      throw std::runtime_error(fmt::format(
          "serve on descriptor {} of the {} that systemd handed over: it is no listening stream "
          "socket; the socket unit needs ListenStream= and Accept=no",
          descriptor, count));
    }
    ListenSocket socket;
    socket.descriptor_ = descriptor;
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

ListenAddress ListenSocket::bound() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  // The socket interface hands out every family's address under this one type (RFC 3493).
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(descriptor_, address, &length) != 0) fail({}, errno);
  ListenAddress result;
  if (storage.ss_family == AF_UNIX) {
    const auto& path = reinterpret_cast<const sockaddr_un&>(storage).sun_path;
    result.path = std::string(path, std::find(std::begin(path), std::end(path), '\0'));
    if (result.path.empty()) result.path = "@";  // abstract, or without a name
    return result;
  }
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(address, length, host.data(), host.size(), port.data(), port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    throw std::runtime_error("ask where a listening socket is bound: the system does not say");
  }
  result.address = IpAddress::parse(host.data()).value_or(IpAddress());
  std::from_chars(port.data(), port.data() + port.size(), result.port);
  return result;
}

}  // namespace lossgazer
