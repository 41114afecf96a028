// What this process may do beyond others: CAP_NET_RAW, which opening a capture takes, and nothing
// else. One thread alone may raise it, and does so only while it opens; it is none of the threads
// that judge packets or answer requests.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "capture/pcap_source.h"

namespace lossgazer {

// Made before any other thread. From then on the calling thread, and all threads that it starts
// later, hold no capability, and nobody gains one by running a program (no_new_privs). Any thread
// may call open().
class CaptureOpener {
 public:
  // As root, becomes `user` with that user's groups, unless it is empty. Throws std::runtime_error
  // if there is no such user, or this process may not change its own.
  explicit CaptureOpener(const std::string& user);
  ~CaptureOpener();
  CaptureOpener(const CaptureOpener&) = delete;
  CaptureOpener& operator=(const CaptureOpener&) = delete;

  // As PcapSource::open_live, in the thread that may.
  [[nodiscard]] PcapSource open(const LiveConfig& config);

 private:
  void run();

  std::mutex mutex_;  // guards the three below
  std::condition_variable changed_;
  std::function<void()> task_;  // what that thread is to do next
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace lossgazer
