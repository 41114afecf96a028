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
  return std::ranges::any_of(
      groups_, [&](const Group& group) { return group.holding(address).has_value(); });
}

std::optional<IpPrefix> NetworkSet::longest(const IpAddress& address) const {
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if (const auto network = group->holding(address)) return network;
  }
  return std::nullopt;
}

std::optional<IpPrefix> NetworkSet::Group::holding(const IpAddress& address) const {
  const uint8_t not_counted = address.is_v4() ? kMappedBits : 0;
  // A prefix of IPv6 that is so short does not mean IPv4, though it would hold its mapped form.
  if (mapped_length < not_counted) return std::nullopt;
  const IpPrefix prefix(address, static_cast<uint8_t>(mapped_length - not_counted));
  if (!std::ranges::binary_search(networks, prefix.address())) return std::nullopt;
  return prefix;
}

}  // namespace lossgazer
