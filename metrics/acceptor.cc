#include "metrics/acceptor.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace lossgazer {
namespace {

constexpr int kTickMilliseconds = 1000;
// Then connections wait in the kernel, until descriptors are free again.
constexpr std::chrono::milliseconds kPauseWithoutDescriptors(100);
// Of one socket at a time, so that the others have their turn.
constexpr int kBurst = 64;

std::string client_name(int descriptor, const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(),
              text.size());
    return text.data();
  }
  if (address.ss_family == AF_INET6) {
    in6_addr host = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&host)) {
      inet_ntop(AF_INET, &host.s6_addr[12], text.data(), text.size());
      return text.data();
    }
    // One client may have all of a /64.
    for (size_t i = 8; i < sizeof host.s6_addr; ++i) host.s6_addr[i] = 0;
    inet_ntop(AF_INET6, &host, text.data(), text.size());
    return text.data();
  }
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return "local";
  return fmt::format("user {}", peer.uid);
}

}  // namespace

class Acceptor::Impl {
 public:
  Impl(std::vector<ListenSocket> sockets, std::function<void(AcceptedClient)> take,
       std::function<void()> tick)
      : sockets_(std::move(sockets)), take_(std::move(take)), tick_(std::move(tick)) {
    if (stop_ < 0) {
      throw std::runtime_error(fmt::format("make an event descriptor for the HTTP server: {}",
                                           std::generic_category().message(errno)));
    }
    polled_.reserve(1 + sockets_.size());
    polled_.push_back({stop_, POLLIN, 0});
    for (const ListenSocket& socket : sockets_) {
      polled_.push_back({socket.descriptor(), POLLIN, 0});
    }
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "web-accept");
      run();
    });
  }
  ~Impl() {
    const uint64_t one = 1;
    // It can only fail if it was signalled 2^64 times.
    [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof one);
    thread_.join();
    close(stop_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

 private:
  void run() {
    auto next_tick = std::chrono::steady_clock::now();
    while (true) {
      poll(polled_.data(), polled_.size(), kTickMilliseconds);
      if (polled_.front().revents != 0) return;
      for (size_t i = 1; i < polled_.size(); ++i) {
        if (polled_[i].revents != 0) accept_from(polled_[i].fd);
      }
      const auto now = std::chrono::steady_clock::now();
      if (now < next_tick) continue;
      next_tick = now + std::chrono::milliseconds(kTickMilliseconds);
      tick_();
    }
  }

  void accept_from(int socket) {
    for (int i = 0; i < kBurst; ++i) {
      AcceptedClient client;
      client.address_length = sizeof client.address;
      client.descriptor = accept4(socket, reinterpret_cast<sockaddr*>(&client.address),
                                  &client.address_length, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client.descriptor < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          std::this_thread::sleep_for(kPauseWithoutDescriptors);
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return;
      }
      client.name = client_name(client.descriptor, client.address);
      take_(std::move(client));
    }
  }

  const std::vector<ListenSocket> sockets_;
  const std::function<void(AcceptedClient)> take_;
  const std::function<void()> tick_;
  const int stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::vector<pollfd> polled_;
  std::thread thread_;
};

Acceptor::Acceptor(std::vector<ListenSocket> sockets, std::function<void(AcceptedClient)> take,
                   std::function<void()> tick)
    : impl_(std::make_unique<Impl>(std::move(sockets), std::move(take), std::move(tick))) {}

Acceptor::~Acceptor() = default;

}  // namespace lossgazer
