#include "tests/lab/tap_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace lossgazer::lab {
namespace {

// What precedes each frame where offload is on. <linux/virtio_net.h> is no C++: it names a member
// `class`.
struct OffloadHeader {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_length = 0;
  uint16_t segment_size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};
static_assert(sizeof(OffloadHeader) == 10);
constexpr uint8_t kGsoNone = 0;
constexpr uint8_t kGsoTcpV4 = 1;
constexpr uint8_t kGsoTcpV6 = 4;

// Longer than any super-packet with its headers.
constexpr size_t kFrameMost = 70'000;

int checked(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

// Meanwhile this thread is in a network namespace.
class Visit {
 public:
  explicit Visit(const std::string& network_namespace) {
    home_ = checked(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open own namespace");
    const std::string path = "/run/netns/" + network_namespace;
    const int there = checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path);
    checked(::setns(there, CLONE_NEWNET), "enter " + path);
    ::close(there);
  }
  ~Visit() {
    ::setns(home_, CLONE_NEWNET);
    ::close(home_);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  int home_;
};

}  // namespace

TapDevice::TapDevice(const std::string& network_namespace, const std::string& name, bool offload)
    : offload_(offload) {
  const Visit visit(network_namespace);
  fd_ = checked(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun");
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (offload) request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  checked(::ioctl(fd_, TUNSETIFF, &request), "make " + name);
  if (offload) {
    checked(::ioctl(fd_, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), "offload " + name);
  }
}

TapDevice::~TapDevice() { ::close(fd_); }

void TapDevice::read(
    size_t most,
    const std::function<void(std::span<const uint8_t> frame, size_t segment_size)>& take) {
  std::array<uint8_t, kFrameMost> bytes;
  for (size_t i = 0; i < most; ++i) {
    OffloadHeader offload;
    std::array<iovec, 2> parts = {iovec{&offload, sizeof(offload)},
                                  iovec{bytes.data(), bytes.size()}};
    const size_t head = offload_ ? 0 : 1;
    const ssize_t length = ::readv(fd_, parts.data() + head, static_cast<int>(parts.size() - head));
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const auto got = static_cast<size_t>(checked(static_cast<int>(length), "read frames"));
    const size_t frame_length = got - (offload_ ? sizeof(offload) : 0);
    const bool super = offload.gso_type != kGsoNone;
    take(std::span(bytes).first(frame_length), super ? size_t{offload.segment_size} : 0);
  }
}

void TapDevice::write(std::span<const uint8_t> frame, size_t header_length, size_t segment_size,
                      bool is_v6) const {
  OffloadHeader offload;
  if (segment_size > 0) {
    offload.gso_type = is_v6 ? kGsoTcpV6 : kGsoTcpV4;
    offload.segment_size = static_cast<uint16_t>(segment_size);
    offload.header_length = static_cast<uint16_t>(header_length);
  }
  std::array<iovec, 2> parts = {iovec{&offload, sizeof(offload)},
                                // writev() reads only, but has no const.
                                iovec{const_cast<uint8_t*>(frame.data()), frame.size()}};  // NOLINT
  const size_t head = offload_ ? 0 : 1;
  const ssize_t length = ::writev(fd_, parts.data() + head, static_cast<int>(parts.size() - head));
  // A device that is down takes nothing; the kernel's own queue never fills in the lab.
  if (length < 0 && errno != EIO) checked(-1, "write a frame");
}

}  // namespace lossgazer::lab
