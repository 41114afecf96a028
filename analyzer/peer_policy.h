// Which peer a flow counts for: one address, a network, a named group, or nobody. It looks at a
// flow's first packet and at nothing that was counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analyzer/ip_address.h"
#include "analyzer/network_set.h"
#include "analyzer/peer_key.h"
#include "analyzer/segment.h"

namespace lossgazer {

// A network counted as one peer under a name. Several networks may share a name.
struct PeerGroup {
  IpPrefix network;
  std::string name;
  bool operator==(const PeerGroup&) const = default;
};

struct PeerRules {
  std::vector<IpPrefix> excluded{};  // not counted at all, whatever else holds them
  std::vector<PeerGroup> groups{};
  // Who is in no group counts for its network of this length, in bits of its own family.
  uint8_t prefix_v4 = 32;
  uint8_t prefix_v6 = 128;
  bool label_local = false;  // tell peers apart by which network of ours they talk to,
  bool label_port = false;   // and by the server's port
};

// Why no group may be called `name`; nothing if it may. A peer `other` and addresses exist already.
[[nodiscard]] std::optional<std::string> group_name_refusal(std::string_view name);

// Immutable once built. Any number of threads may read one.
class PeerPolicy {
 public:
  PeerPolicy() = default;  // every address is a peer of its own
  // Throws std::invalid_argument for a name that is refused, a network in two groups, or a prefix
  // that is longer than an address.
  explicit PeerPolicy(const PeerRules& rules);

  // Who the flow that begins with `first` counts for, if `us` is our end; nothing if that peer is
  // excluded. Of several networks that hold an address, the longest counts. `local`: all of ours.
  [[nodiscard]] std::optional<PeerKey> peer_of(const Segment& first, Sender us,
                                               const NetworkSet& local) const;
  // The same of a peer that nothing else is known of: without further labels.
  [[nodiscard]] std::optional<PeerKey> peer_of(const IpAddress& address) const;
  // Where nobody is us: always the two addresses.
  [[nodiscard]] PeerKey pair_of(const Segment& first) const;

  // The flow's key once its server is known to be who sent `syn_ack`; nothing if that adds nothing.
  [[nodiscard]] std::optional<PeerKey> with_server(const PeerKey& key,
                                                   const Segment& syn_ack) const;

 private:
  [[nodiscard]] uint16_t port_label(const Segment& first) const;

  NetworkSet excluded_;
  NetworkSet grouped_;
  std::vector<std::pair<IpPrefix, PeerName>> groups_;  // in the order of their networks
  uint8_t prefix_v4_ = 32;
  uint8_t prefix_v6_ = 128;
  bool label_local_ = false;
  bool label_port_ = false;
};

}  // namespace lossgazer
