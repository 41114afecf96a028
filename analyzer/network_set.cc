#include "analyzer/network_set.h"

#include <algorithm>
#include <utility>

namespace lossgazer {
namespace {

constexpr uint8_t kMappedBits = 96;  // before the IPv4 address in its mapped form

}  // namespace

NetworkSet::NetworkSet(std::vector<IpPrefix> prefixes) {
  std::ranges::sort(prefixes, {}, [](const IpPrefix& prefix) {
    return std::pair(prefix.mapped_length(), prefix.address());
  });
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  for (const IpPrefix& prefix : prefixes) {
    if (groups_.empty() || groups_.back().mapped_length != prefix.mapped_length()) {
      groups_.push_back({prefix.mapped_length(), {}});
    }
    groups_.back().networks.push_back(prefix.address());
  }
}

bool NetworkSet::contains(const IpAddress& address) const {
  const uint8_t not_counted = address.is_v4() ? kMappedBits : 0;
  return std::ranges::any_of(groups_, [&](const Group& group) {
    // A prefix of IPv6 that is so short does not mean IPv4, though it would hold its mapped form.
    if (group.mapped_length < not_counted) return false;
    const auto length = static_cast<uint8_t>(group.mapped_length - not_counted);
    return std::ranges::binary_search(group.networks, IpPrefix(address, length).address());
  });
}

}  // namespace lossgazer
