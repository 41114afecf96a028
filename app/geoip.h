// What MaxMind's databases say of an address: the user brings the files, nothing is asked of the
// network.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "analyzer/ip_address.h"
#include "analyzer/peer_key.h"
#include "metrics/exposition.h"

namespace lossgazer {

struct GeoIpFiles {
  std::string asn_db{};      // GeoLite2-ASN and its like; empty for none
  std::string country_db{};  // GeoLite2-Country, or -City; empty for none
};

// Thread-safe.
class GeoIp {
 public:
  GeoIp();  // knows nothing
  ~GeoIp();
  GeoIp(const GeoIp&) = delete;
  GeoIp& operator=(const GeoIp&) = delete;

  // Opens these in place of those that are open, also when they have the same names: their contents
  // may be new. Throws std::runtime_error if one cannot be read or is of the other kind; then what
  // was open stays.
  void open(const GeoIpFiles& files);

  // Adds what the databases say to `info`: `asn`, `organisation` and `country`. A network is
  // described only if all of it is in one entry; a group and `other` never are.
  void describe(const PeerKey& peer, PeerInfo& info) const;

 private:
  class Database;

  mutable std::mutex mutex_;  // guards the two, and is held while an address is looked up
  std::unique_ptr<const Database> asn_;
  std::unique_ptr<const Database> country_;
};

}  // namespace lossgazer
