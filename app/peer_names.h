// Names of addresses by reverse DNS, asked for in the background: neither packets nor scrapes wait
// for it. It sends queries: a passive tool does so only when it was told to.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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

  // Starts the thread that calls `begins`, and then `resolver` now and again.
  explicit PeerNames(Resolver resolver = reverse_dns, PeerNamesLimits limits = {},
                     std::function<void()> begins = {});
  // Does not wait for a query under way, which takes as long as name servers are silent: what
  // `resolver` uses must live until it has returned.
  ~PeerNames();
  PeerNames(const PeerNames&) = delete;
  PeerNames& operator=(const PeerNames&) = delete;

  // The name as far as it is known, at once; empty if it is not. Has it looked up, or looked up
  // again when it has become old. The old name stays until the new one is known.
  [[nodiscard]] std::string name_of(const IpAddress& address);
  [[nodiscard]] size_t remembered() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too, which may outlive this for one query
};

}  // namespace lossgazer
