// A set of networks, asked whether it holds an address: our own ends, or the peers left out.
#pragma once

#include <cstdint>
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
  [[nodiscard]] bool empty() const { return groups_.empty(); }
  bool operator==(const NetworkSet&) const = default;

 private:
  struct Group {
    uint8_t mapped_length = 0;
    std::vector<IpAddress> networks;  // sorted
    bool operator==(const Group&) const = default;
  };
  std::vector<Group> groups_;
};

}  // namespace lossgazer
