// What is known of peers beyond their counters: names, and what MaxMind's databases say.
#pragma once

#include <optional>
#include <string>

#include "analyzer/peer_key.h"
#include "app/geoip.h"
#include "app/options.h"
#include "app/peer_names.h"
#include "app/sandbox.h"
#include "metrics/exposition.h"

namespace lossgazer {

// Any thread may ask.
class PeerDirectory {
 public:
  explicit PeerDirectory(const Options& options) {
    open(options);
    if (options.analyzer.peer_names) {
      names_.emplace(reverse_dns, PeerNamesLimits{}, [] { (void)enter_sandbox(Role::kClient); });
    }
  }
  // Opens the databases anew. Throws std::runtime_error; then those that were open stay.
  void open(const Options& options) {
    geoip_.open({.asn_db = options.geoip.asn_db, .country_db = options.geoip.country_db});
  }
  [[nodiscard]] PeerInfo of(const PeerKey& peer) {
    PeerInfo info{.name = name_of(peer)};
    geoip_.describe(peer, info);
    return info;
  }
  [[nodiscard]] std::string name_of(const PeerKey& peer) {
    if (!names_ || peer.kind != PeerKey::Kind::kAddress) return {};
    return names_->name_of(peer.address);
  }

 private:
  GeoIp geoip_;
  std::optional<PeerNames> names_;
};

}  // namespace lossgazer
