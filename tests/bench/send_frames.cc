// Sends benchmark traffic out of an interface as fast as one core can, or at a rate:
// send_frames INTERFACE [--packets N] [--rate PER_SECOND] [--flows N] [--peers N]. Prints how many
// were sent and in what time. Made before the first is sent; takes 80 bytes of memory each.
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/bench/bulk_traffic.h"

namespace lossgazer::bench {
namespace {

constexpr size_t kAtOnce = 64;
using Frame = std::array<std::byte, 66>;

int open_socket(const std::string& interface) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  const int bypass = 1;  // of the queueing discipline
  if (fd < 0 || address.sll_ifindex == 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass)) != 0) {
    throw std::system_error(errno, std::generic_category(), "open " + interface);
  }
  return fd;
}

void send_all(int fd, std::vector<Frame>& frames, double rate) {
  using std::chrono::steady_clock;
  const auto begin = steady_clock::now();
  for (size_t sent = 0; sent < frames.size();) {
    std::array<iovec, kAtOnce> bytes{};
    std::array<mmsghdr, kAtOnce> messages{};
    const size_t count = std::min(kAtOnce, frames.size() - sent);
    for (size_t i = 0; i < count; ++i) {
      bytes[i] = {.iov_base = frames[sent + i].data(), .iov_len = frames[sent + i].size()};
      messages[i].msg_hdr.msg_iov = &bytes[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int taken = ::sendmmsg(fd, messages.data(), static_cast<unsigned>(count), 0);
    if (taken < 0 && errno != ENOBUFS && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "send");
    }
    if (taken > 0) sent += static_cast<size_t>(taken);
    if (rate > 0) {
      std::this_thread::sleep_until(begin +
                                    std::chrono::duration_cast<steady_clock::duration>(
                                        std::chrono::duration<double>(double(sent) / rate)));
    }
  }
  const std::chrono::duration<double> took = steady_clock::now() - begin;
  fmt::print("{} packets in {:.3f} s\n", frames.size(), took.count());
}

}  // namespace
}  // namespace lossgazer::bench

int main(int count, char** arguments) try {
  using namespace lossgazer::bench;
  std::string interface;
  size_t packets = 1'000'000;
  double rate = 0;
  TrafficShape shape;
  CLI::App app("Sends benchmark traffic out of an interface.");
  app.add_option("INTERFACE", interface)->required();
  app.add_option("--packets", packets);
  app.add_option("--rate", rate);
  app.add_option("--flows", shape.flows)->check(CLI::Range(1, 50'000'000));
  app.add_option("--peers", shape.peers)->check(CLI::Range(1, 50'000'000));
  CLI11_PARSE(app, count, arguments);
  BulkTraffic traffic(shape);
  std::vector<Frame> frames(packets);
  for (Frame& frame : frames) std::ranges::copy(traffic.next().bytes, frame.begin());
  send_all(open_socket(interface), frames, rate);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "send_frames: {}\n", error.what());
  return 1;
}
