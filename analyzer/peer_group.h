// A network counted as one peer under a name.
#pragma once

#include <string>

#include "analyzer/ip_address.h"

namespace lossgazer {

// Several networks may share a name.
struct PeerGroup {
  IpPrefix network;
  std::string name;
  bool operator==(const PeerGroup&) const = default;
};

}  // namespace lossgazer
