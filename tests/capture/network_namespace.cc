#include "tests/capture/network_namespace.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace lossgazer::test {
namespace {

constexpr uint16_t kEveryProtocol = 0x0003;  // ETH_P_ALL

}  // namespace

bool in_new_namespace(const std::function<void()>& body) {
  bool entered = false;
  std::exception_ptr failure;
  std::thread([&] {
    entered = ::unshare(CLONE_NEWNET) == 0;
    if (!entered) return;
    try {
      ip("link set dev lo up");
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return entered;
}

void ip(const std::string& arguments) {
  const std::string command = "ip " + arguments;
  if (std::system(command.c_str()) != 0) throw std::runtime_error(command + ": failed");
}

FrameInjector::FrameInjector(const std::string& interface)
    : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "open a packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(kEveryProtocol);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  const auto* bound = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (::bind(fd_, bound, sizeof address) != 0) {
    const int error = errno;
    ::close(fd_);
    throw std::system_error(error, std::generic_category(), "bind to " + interface);
  }
}

FrameInjector::~FrameInjector() { ::close(fd_); }

void FrameInjector::send(std::span<const std::byte> frame) const {
  if (::send(fd_, frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size())) {
    throw std::system_error(errno, std::generic_category(), "send a frame");
  }
}

}  // namespace lossgazer::test
