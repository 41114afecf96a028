// A file descriptor that one thread sets and another waits for, so that poll() can be ended at
// once.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace lossgazer {

// Thread-safe; set() may also be called in a signal handler.
class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "create an eventfd");
  }
  ~EventFd() { ::close(fd_); }
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;

  // Readable from set() to clear().
  [[nodiscard]] int fd() const { return fd_; }
  void set() const noexcept {
    const uint64_t one = 1;
    // It can only fail when it is set 2^64 - 2 times over.
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
  }
  void clear() const noexcept {
    uint64_t times_set = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd_, &times_set, sizeof times_set);
  }

 private:
  int fd_;
};

}  // namespace lossgazer
