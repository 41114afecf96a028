#include "app/event_receiver.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <resolv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <system_error>
#include <utility>

namespace lossgazer {
namespace {

using std::chrono::milliseconds;

constexpr int kQuerySeconds = 1;
constexpr int kTries = 2;
constexpr milliseconds kConnectMost(5'000);
constexpr milliseconds kLook(50);  // how often somebody who waits looks whether he still should
// What the kernel holds is lost with a receiver that dies, and was sent all the same: a thousand
// lines or so.
constexpr int kSendBuffer = 128 * 1024;
// A host that went away without a word is given up after so long.
constexpr unsigned kSilentMost = 30'000;  // milliseconds

std::string failed(std::string_view what, int error) {
  return fmt::format("{}: {}", what, std::generic_category().message(error));
}

// What poll() says of it; 0 if nothing within `timeout`.
int events_of(int fd, short wanted, milliseconds timeout) {
  pollfd waited_for = {.fd = fd, .events = wanted, .revents = 0};
  return ::poll(&waited_for, 1, static_cast<int>(timeout.count())) > 0 ? waited_for.revents : 0;
}

int error_of(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

int stream_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  return fd;
}

struct CloseFd {
  int fd;
  ~CloseFd() {
    if (fd >= 0) ::close(fd);
  }
  [[nodiscard]] int release() { return std::exchange(fd, -1); }
};

// Returns an error number; 0 if it is connected.
int connect_within(int fd, const addrinfo& to, const std::function<bool()>& cancelled) {
  if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  for (milliseconds waited(0); waited < kConnectMost && !cancelled(); waited += kLook) {
    if (events_of(fd, POLLOUT, kLook) != 0) return error_of(fd);
  }
  return ETIMEDOUT;
}

}  // namespace

std::optional<std::string> EventReceiver::open(const std::function<bool()>& cancelled) {
  close();
  if (destination_.is_standard_output()) return open_standard_output();
  return destination_.path.empty() ? open_tcp(cancelled) : open_unix();
}

void EventReceiver::close() {
  if (fd_ > STDOUT_FILENO) ::close(fd_);
  fd_ = -1;
}

std::optional<std::string> EventReceiver::open_standard_output() {
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) != 0) return failed("write", errno);
  is_socket_ = S_ISSOCK(status.st_mode);
  fd_ = STDOUT_FILENO;
  std::optional<std::string> why = gone(milliseconds(0));
  if (why) fd_ = -1;
  return why;
}

std::optional<std::string> EventReceiver::open_unix() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  destination_.path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  CloseFd opened{stream_socket(AF_UNIX)};
  if (opened.fd < 0) return failed("make a socket", errno);
  const void* const general = &address;
  if (::connect(opened.fd, static_cast<const sockaddr*>(general), sizeof address) != 0) {
    return failed("connect", errno);
  }
  is_socket_ = true;
  fd_ = opened.release();
  return std::nullopt;
}

std::optional<std::string> EventReceiver::open_tcp(const std::function<bool()>& cancelled) {
  // Of this thread alone, and read anew: servers may have changed.
  ::res_init();
  _res.retrans = kQuerySeconds;
  _res.retry = kTries;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int status =
      ::getaddrinfo(destination_.host.c_str(), destination_.port.c_str(), &hints, &list);
  if (status != 0) return fmt::format("look up {}: {}", destination_.host, ::gai_strerror(status));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(list, &::freeaddrinfo);
  std::string why;
  for (const addrinfo* each = list; each != nullptr && !cancelled(); each = each->ai_next) {
    CloseFd opened{stream_socket(each->ai_family)};
    const int error = opened.fd < 0 ? errno : connect_within(opened.fd, *each, cancelled);
    if (error != 0) {
      why = failed("connect", error);
      continue;
    }
    const int on = 1;
    ::setsockopt(opened.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(opened.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kSilentMost, sizeof kSilentMost);
    is_socket_ = true;
    fd_ = opened.release();
    return std::nullopt;
  }
  return why;
}

std::optional<std::string> EventReceiver::gone(milliseconds for_room) const {
  // systemd's standard output is a socket that it has closed for reading.
  const int wanted = destination_.is_standard_output() ? POLLOUT : POLLOUT | POLLRDHUP;
  const int events = events_of(fd_, static_cast<short>(wanted), for_room);
  if ((events & POLLNVAL) != 0) return failed("write", EBADF);
  if ((events & POLLERR) != 0 && is_socket_) {
    if (const int error = error_of(fd_)) return failed("write", error);
  }
  if ((events & (POLLERR | POLLHUP | POLLRDHUP)) != 0) return "its reader has gone";
  return std::nullopt;
}

EventReceiver::Written EventReceiver::write(std::string_view lines) const {
  ssize_t written = 0;
  if (is_socket_) {
    written = ::send(fd_, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    // Its description is shared with whoever started us, so it is left to block. A pipe that says
    // it has room has it for so much, and takes that as one.
    if ((events_of(fd_, POLLOUT, milliseconds(0)) & POLLOUT) == 0) return {};
    if (lines.size() > PIPE_BUF) {
      const size_t end = lines.rfind('\n', PIPE_BUF - 1);
      lines = lines.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
    }
    written = ::write(fd_, lines.data(), lines.size());
  }
  if (written >= 0) return {.bytes = static_cast<size_t>(written)};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {.failure = failed("write", errno)};
}

}  // namespace lossgazer
