// Signals as something to read: nothing interrupts who draws. Made before any other thread, which
// then leaves them to whoever reads here.
#pragma once

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace lossgazer {

class SignalQueue {
 public:
  struct Wishes {
    bool end = false;      // the user's, a manager's, or the terminal is gone
    bool resized = false;  // the terminal was
  };

  SignalQueue() {
    sigset_t taken;
    sigemptyset(&taken);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&taken, signal);
    pthread_sigmask(SIG_BLOCK, &taken, nullptr);
    (void)std::signal(SIGPIPE, SIG_IGN);
    fd_ = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "create a signalfd");
  }
  ~SignalQueue() { close(fd_); }
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  // What came since the last call.
  [[nodiscard]] Wishes take() const {
    Wishes wishes;
    signalfd_siginfo came{};
    while (read(fd_, &came, sizeof came) == sizeof came) {
      (came.ssi_signo == SIGWINCH ? wishes.resized : wishes.end) = true;
    }
    return wishes;
  }

 private:
  int fd_ = -1;
};

}  // namespace lossgazer
