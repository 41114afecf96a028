#include "analyzer/peer_policy.h"

#include <algorithm>
#include <stdexcept>

namespace lossgazer {
namespace {

constexpr uint8_t kBitsV4 = 32;
constexpr uint8_t kBitsV6 = 128;
// Where Linux begins to take ports for clients (net.ipv4.ip_local_port_range).
constexpr uint16_t kFirstClientPort = 32768;

// The server's port as far as a flow's first packet tells; 0 if it does not.
uint16_t server_port(const Segment& first) {
  const uint16_t sent_from = first.key.end(first.sender()).port;
  const uint16_t sent_to = first.key.end(other(first.sender())).port;
  if (first.flag(kSyn)) {
    if (first.flag(kAck)) return sent_from;
    // Anybody may ask for any port: a scan of the high ones must not make a series of each.
    return sent_to < kFirstClientPort ? sent_to : 0;
  }
  // Met in its middle: servers have the lower ports.
  const uint16_t lower = std::min(sent_from, sent_to);
  return lower < kFirstClientPort ? lower : 0;
}

std::vector<IpPrefix> networks_of(const std::vector<PeerGroup>& groups) {
  std::vector<IpPrefix> networks;
  networks.reserve(groups.size());
  for (const PeerGroup& group : groups) networks.push_back(group.network);
  return networks;
}

}  // namespace

std::optional<std::string> group_name_refusal(std::string_view name) {
  if (name.empty()) return "a group needs a name";
  if (name.size() > PeerName::kLengthMax) {
    return "a name has at most " + std::to_string(PeerName::kLengthMax) + " bytes";
  }
  if (name == "other") return "peers beyond --peers.max are counted under that name";
  if (IpPrefix::parse(name)) return "a peer that is in no group could have that name";
  const bool printable = std::ranges::all_of(
      name, [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7f; });
  if (!printable) return "a name has no control characters";
  return std::nullopt;
}

PeerPolicy::PeerPolicy(const PeerRules& rules)
    : excluded_(rules.excluded),
      grouped_(networks_of(rules.groups)),
      prefix_v4_(rules.prefix_v4),
      prefix_v6_(rules.prefix_v6),
      label_local_(rules.label_local),
      label_port_(rules.label_port) {
  if (prefix_v4_ > kBitsV4 || prefix_v6_ > kBitsV6) {
    throw std::invalid_argument("count peers by prefix: /" +
                                std::to_string(prefix_v4_ > kBitsV4 ? prefix_v4_ : prefix_v6_) +
                                " is longer than an address");
  }
  for (const PeerGroup& group : rules.groups) {
    const auto refused = [&](const std::string& why) {
      return std::invalid_argument("peer group " + group.network.to_string() + "=" + group.name +
                                   ": " + why);
    };
    if (const auto why = group_name_refusal(group.name)) throw refused(*why);
    const PeerName name(group.name);
    const auto place =
        std::ranges::lower_bound(groups_, group.network, {}, &decltype(groups_)::value_type::first);
    if (place != groups_.end() && place->first == group.network) {
      if (place->second == name) continue;
      throw refused("the network is in the group " + std::string(place->second.view()) +
                    " already");
    }
    groups_.emplace(place, group.network, name);
  }
}

std::optional<PeerKey> PeerPolicy::peer_of(const Segment& first, Sender us,
                                           const NetworkSet& local) const {
  std::optional<PeerKey> key = peer_of(first.key.end(other(us)).address);
  if (!key) return key;
  key->port = port_label(first);
  if (label_local_) key->local = local.longest(first.key.end(us).address);
  return key;
}

std::optional<PeerKey> PeerPolicy::peer_of(const IpAddress& address) const {
  if (excluded_.contains(address)) return std::nullopt;
  PeerKey key{.address = address};
  if (const auto network = grouped_.longest(address)) {
    const auto group =
        std::ranges::lower_bound(groups_, *network, {}, &decltype(groups_)::value_type::first);
    key.kind = PeerKey::Kind::kGroup;
    key.address = {};
    key.group = group->second;
  } else if (const uint8_t length = address.is_v4() ? prefix_v4_ : prefix_v6_;
             length < (address.is_v4() ? kBitsV4 : kBitsV6)) {
    key.kind = PeerKey::Kind::kPrefix;
    key.address = IpPrefix(address, length).address();
    key.prefix_length = length;
  }
  return key;
}

PeerKey PeerPolicy::pair_of(const Segment& first) const {
  return {.kind = PeerKey::Kind::kPair,
          .address = first.key.low_address,
          .second = first.key.high_address,
          .port = port_label(first)};
}

std::optional<PeerKey> PeerPolicy::with_server(const PeerKey& key, const Segment& syn_ack) const {
  if (!label_port_ || key.port != 0 || key.kind == PeerKey::Kind::kOther) return std::nullopt;
  PeerKey known = key;
  known.port = server_port(syn_ack);
  return known;
}

uint16_t PeerPolicy::port_label(const Segment& first) const {
  return label_port_ ? server_port(first) : 0;
}

}  // namespace lossgazer
