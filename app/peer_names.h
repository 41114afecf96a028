// Names of addresses by reverse DNS, asked for in the background: neither packets nor scrapes wait
// for it. It sends queries: a passive tool does so only when it was told to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "analyzer/ip_address.h"

namespace lossgazer {

// The name of the address, as the system resolves it (hosts file, DNS); empty if it has none. Waits
// for the answer, a few seconds at most. Returns nothing if nobody answered.
[[nodiscard]] std::optional<std::string> reverse_dns(const IpAddress& address);

struct PeerNamesLimits {
  size_t names_max = 10'000;  // remembered, unknown ones included; what is beyond has no name
  std::chrono::milliseconds between_queries{50};
  std::chrono::milliseconds keep_name{std::chrono::hours(1)};
  std::chrono::milliseconds keep_no_name{std::chrono::minutes(10)};
  std::chrono::milliseconds keep_no_answer{std::chrono::minutes(1)};
  // An address that nobody asked about for so long is forgotten.
  std::chrono::milliseconds keep_unasked{std::chrono::minutes(30)};
};

// Thread-safe.
class PeerNames {
 public:
  using Resolver = std::function<std::optional<std::string>(const IpAddress&)>;

  // Starts the thread that calls `resolver`.
  explicit PeerNames(Resolver resolver = reverse_dns, PeerNamesLimits limits = {});
  // Waits for the query under way.
  ~PeerNames();
  PeerNames(const PeerNames&) = delete;
  PeerNames& operator=(const PeerNames&) = delete;

  // The name as far as it is known, at once; empty if it is not. Has it looked up, or looked up
  // again when it has become old. The old name stays until the new one is known.
  [[nodiscard]] std::string name_of(const IpAddress& address);
  [[nodiscard]] size_t remembered() const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    std::string name;
    Clock::time_point asked;    // for the last time
    Clock::time_point expires;  // when it is to be looked up again
    bool queued = false;
  };

  void run();
  void forget_unasked(Clock::time_point now);

  const Resolver resolver_;
  const PeerNamesLimits limits_;
  mutable std::mutex mutex_;  // guards all below, and is never held while a name is resolved
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<IpAddress, Entry> entries_;
  std::deque<IpAddress> queue_;  // of entries_, each once: to be looked up
  Clock::time_point next_forgetting_;
  std::thread thread_;
};

}  // namespace lossgazer
