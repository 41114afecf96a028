// A set of networks, asked whether it holds an address, and which of them: our own ends, or
// the peers left out or taken together.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analyzer/ip_address.h"

namespace lossgazer {

// Immutable once built. Any number of threads may read one.
class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(std::vector<IpPrefix> prefixes);

  // One binary search for each distinct prefix length.
  [[nodiscard]] bool contains(const IpAddress& address) const;
  // The longest prefix that holds the address; nothing if none does.
  [[nodiscard]] std::optional<IpPrefix> longest(const IpAddress& address) const;
  [[nodiscard]] bool empty() const { return groups_.empty(); }
  bool operator==(const NetworkSet&) const = default;

 private:
  struct Group {
    uint8_t mapped_length = 0;
    std::vector<IpAddress> networks;  // sorted

    // The network among these that holds the address.
    [[nodiscard]] std::optional<IpPrefix> holding(const IpAddress& address) const;
    bool operator==(const Group&) const = default;
  };
  std::vector<Group> groups_;  // by length, shortest first
};

}  // namespace lossgazer
