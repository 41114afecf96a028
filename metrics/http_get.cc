#include "metrics/http_get.h"

#include <fmt/format.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace lossgazer {
namespace {

std::string reason(int error) {
  // A receive or connect that took as long as it may.
  if (error == EAGAIN || error == EINPROGRESS) return "no answer in time";
  return std::generic_category().message(error);
}

// Plain or TLS; throws std::runtime_error with the bare reason.
class Connection {
 public:
  Connection(const HttpPlace& server, bool tls, std::chrono::milliseconds patience) {
    try {
      server.is_unix() ? open_unix(server.socket, patience) : open_tcp(server, patience);
      if (tls) shake_hands(patience);
    } catch (...) {
      end();
      throw;
    }
  }
  ~Connection() { end(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view text) const {
    const ssize_t sent = session_ != nullptr
                             ? gnutls_record_send(session_, text.data(), text.size())
                             : ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
    // A fresh connection's buffer takes so little whole.
    if (sent != static_cast<ssize_t>(text.size())) fail(sent);
  }

  // All that comes until the server closes; it stops when that is more than `most` bytes.
  [[nodiscard]] std::string receive(size_t most) const {
    std::string text;
    std::array<char, 16'384> part{};
    while (text.size() <= most) {
      const ssize_t received = session_ != nullptr
                                   ? gnutls_record_recv(session_, part.data(), part.size())
                                   : recv(descriptor_, part.data(), part.size(), 0);
      // Servers may end TLS without a word.
      if (received == 0 || received == GNUTLS_E_PREMATURE_TERMINATION) break;
      if (received < 0) fail(received);
      text.append(part.data(), static_cast<size_t>(received));
    }
    return text;
  }

 private:
  void open_tcp(const HttpPlace& server, std::chrono::milliseconds patience) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error =
        getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &found);
    if (error != 0) throw std::runtime_error(gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> info(found, freeaddrinfo);
    for (const addrinfo* place = found; place != nullptr; place = place->ai_next) {
      try {
        return open(place->ai_addr, place->ai_addrlen, patience);
      } catch (const std::runtime_error&) {
        if (place->ai_next == nullptr) throw;
        end();
      }
    }
  }

  void open_unix(const std::string& path, std::chrono::milliseconds patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // HttpPlace has no longer ones; the last byte stays 0.
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    // The socket interface takes every family's address under this one type (RFC 3493).
    open(reinterpret_cast<const sockaddr*>(&address), sizeof address, patience);
  }

  void open(const sockaddr* address, socklen_t length, std::chrono::milliseconds patience) {
    descriptor_ = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const std::chrono::microseconds rest = patience - seconds;
    const timeval wait{.tv_sec = seconds.count(), .tv_usec = rest.count()};
    if (descriptor_ < 0 ||
        setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
        connect(descriptor_, address, length) != 0) {
      throw std::runtime_error(reason(errno));
    }
  }

  // Whoever serves here is this host's own: nothing is verified, and nothing secret is said.
  void shake_hands(std::chrono::milliseconds patience) {
    int status = gnutls_certificate_allocate_credentials(&credentials_);
    if (status == 0) status = gnutls_init(&session_, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    if (status == 0) status = gnutls_set_default_priority(session_);
    if (status == 0) {
      status = gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_);
    }
    if (status == 0) {
      gnutls_transport_set_int(session_, descriptor_);
      gnutls_handshake_set_timeout(session_, static_cast<unsigned>(patience.count()));
      do {
        status = gnutls_handshake(session_);
      } while (status < 0 && gnutls_error_is_fatal(status) == 0);
    }
    if (status < 0) fail(status);
  }

  [[noreturn]] void fail(ssize_t status) const {
    if (session_ == nullptr) throw std::runtime_error(reason(errno));
    const int error = static_cast<int>(status);
    throw std::runtime_error(error == GNUTLS_E_AGAIN || error == GNUTLS_E_TIMEDOUT
                                 ? reason(EAGAIN)
                                 : fmt::format("TLS: {}", gnutls_strerror(error)));
  }

  void end() {
    if (session_ != nullptr) gnutls_deinit(session_);
    if (credentials_ != nullptr) gnutls_certificate_free_credentials(credentials_);
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }

  int descriptor_ = -1;
  gnutls_session_t session_ = nullptr;
  gnutls_certificate_credentials_t credentials_ = nullptr;
};

// The status of "HTTP/1.1 200 OK".
std::optional<int> status_of(std::string_view answer) {
  constexpr std::string_view kProtocol = "HTTP/1.";
  constexpr size_t kStatusAt = kProtocol.size() + 2;
  int status = 0;
  if (!answer.starts_with(kProtocol) || answer.size() < kStatusAt + 3) return std::nullopt;
  const char* const begin = answer.data() + kStatusAt;
  if (std::from_chars(begin, begin + 3, status).ptr != begin + 3) return std::nullopt;
  return status;
}

// What the header `name`, in small letters, says; nothing if it is not there.
std::optional<size_t> number_in(std::string_view headers, std::string_view name) {
  std::string small(headers);
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return std::tolower(c); });
  const size_t at = small.find(fmt::format("\r\n{}:", name));
  if (at == std::string::npos) return std::nullopt;
  size_t number = 0;
  const size_t begin = small.find_first_not_of(" \t", at + name.size() + 3);
  if (begin == std::string::npos) return std::nullopt;
  const auto [rest, error] =
      std::from_chars(small.data() + begin, small.data() + small.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string HttpPlace::to_string() const {
  if (is_unix()) return "unix:" + socket;
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("http://[{}]:{}", host, port) : fmt::format("http://{}:{}", host, port);
}

HttpAnswer http_get(const HttpPlace& place, bool tls, std::string_view path,
                    std::chrono::milliseconds patience, size_t body_max) {
  constexpr std::string_view kHeadersEnd = "\r\n\r\n";
  constexpr size_t kHeadersMax = 8192;
  const Connection connection(place, tls, patience);
  // Of HTTP/1.0, so that the body comes as it is and the connection ends after it.
  connection.send(fmt::format("GET {} HTTP/1.0\r\nHost: {}\r\nConnection: close\r\n\r\n", path,
                              place.is_unix() ? "localhost" : place.host));
  std::string answer = connection.receive(kHeadersMax + body_max);
  if (answer.empty()) throw std::runtime_error("it closed the connection without an answer");
  const std::optional<int> status = status_of(answer);
  if (!status) throw std::runtime_error("who answers there speaks no HTTP (or TLS)");
  const size_t end = std::min(answer.find(kHeadersEnd), answer.size());
  const std::optional<size_t> length =
      number_in(std::string_view(answer).substr(0, end), "content-length");
  answer.erase(0, std::min(end + kHeadersEnd.size(), answer.size()));
  if (answer.size() > body_max) {
    throw std::runtime_error(fmt::format("its answer has more than {} bytes", body_max));
  }
  if (length && answer.size() < *length) throw std::runtime_error("its answer was cut short");
  return {.status = *status, .body = std::move(answer)};
}

}  // namespace lossgazer
