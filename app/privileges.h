// What this process may do beyond others: CAP_NET_RAW, which opening a capture takes, and, on
// request, CAP_BPF and CAP_PERFMON, which the kernel's events take; nothing else. One thread alone
// may raise the first, and does so only while it opens; another has the other two. Neither judges
// packets or answers requests.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "capture/pcap_source.h"

namespace lossgazer {

// Made before any other thread, but for what it begins. From then on the calling thread, and all
// threads that it starts later, hold no capability, and nobody gains one by running a program
// (no_new_privs). Any thread may call open().
class CaptureOpener {
 public:
  // As root, becomes `user` with that user's groups, unless it is empty. Throws std::runtime_error
  // if there is no such user, or this process may not change its own. `begin_kernel_events` starts
  // a thread that calls hold_kernel_events().
  explicit CaptureOpener(const std::string& user,
                         const std::function<void()>& begin_kernel_events = {});
  ~CaptureOpener();
  CaptureOpener(const CaptureOpener&) = delete;
  CaptureOpener& operator=(const CaptureOpener&) = delete;

  // As PcapSource::open_live, in the thread that may.
  [[nodiscard]] std::vector<PcapSource> open(const LiveConfig& config);

 private:
  void run();

  std::mutex mutex_;  // guards the three below
  std::condition_variable changed_;
  std::function<void()> task_;  // what that thread is to do next
  bool ended_ = false;
  std::thread thread_;
};

// From now on the calling thread, which CaptureOpener began, has CAP_BPF and CAP_PERFMON and no
// other capability, and is in its sandbox. Throws std::runtime_error if it is not permitted them.
void hold_kernel_events();

}  // namespace lossgazer
