// The kernel's own events, on request: what it sends again, of which peer, in which TCP state, and
// whose socket that is. It sees no packet, and needs more privilege than a capture does.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "analyzer/peer_policy.h"
#include "analyzer/retransmit_ledger.h"
#include "analyzer/units.h"
#include "capture/limited_log.h"

namespace lossgazer {

class RetransmitProgram;

struct KernelEventsConfig {
  PeerPolicy peers;
  size_t rows_max = 1'000;
  Duration ttl = std::chrono::minutes(15);
  // Called by the thread first: takes what is needed (RetransmitProgram). What it throws is why no
  // event is received.
  std::function<void()> begins{};
  LogFunction log{};  // by the thread
};

// Begins at once, in a thread of its own, which ends with one line if there is nothing to be had.
// Any thread may call anything.
class KernelEvents {
 public:
  explicit KernelEvents(KernelEventsConfig config);
  ~KernelEvents();
  KernelEvents(const KernelEvents&) = delete;
  KernelEvents& operator=(const KernelEvents&) = delete;

  // Of events that are yet to be counted.
  void set_peers(PeerPolicy peers, size_t rows_max, Duration ttl);

  // What was counted until a second ago; nothing while no event is received.
  [[nodiscard]] std::optional<std::vector<RetransmitRow>> rows() const;

 private:
  void run();
  void receive();
  void count(RetransmitProgram& program);

  const std::function<void()> begins_;
  const LogFunction log_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  PeerPolicy peers_;
  RetransmitLedger ledger_;
  bool receives_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace lossgazer
