// One end of the lab's path: a TAP device in a network namespace, where real kernel TCP sends and
// receives Ethernet frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace lossgazer::lab {

class TapDevice {
 public:
  // Makes device `name` in the namespace of that name under /run/netns; it goes with this object.
  // With `offload` the kernel hands over and takes super-packets. Throws std::system_error.
  TapDevice(const std::string& network_namespace, const std::string& name, bool offload);
  ~TapDevice();
  TapDevice(const TapDevice&) = delete;
  TapDevice& operator=(const TapDevice&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  // Takes what the kernel sent, at most `most` frames; `segment_size` is 0 for a plain packet.
  void read(size_t most,
            const std::function<void(std::span<const uint8_t> frame, size_t segment_size)>& take);
  // Hands a frame to the kernel. `header_length` and `segment_size`: of a super-packet, else 0.
  void write(std::span<const uint8_t> frame, size_t header_length, size_t segment_size,
             bool is_v6) const;

 private:
  int fd_ = -1;
  bool offload_;
};

}  // namespace lossgazer::lab
