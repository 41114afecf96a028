// Writes small MaxMind databases for tests (maxmind.github.io/MaxMind-DB, version 2.0). Never reads
// them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "analyzer/ip_address.h"

namespace lossgazer::test {

// A value of the data section: text, a number, or a map of further ones.
struct MmdbValue {
  using Map = std::map<std::string, MmdbValue>;
  std::variant<std::string, uint32_t, Map> value;
};

struct MmdbEntry {
  IpPrefix network;
  MmdbValue::Map data;
};

// The file's bytes. `ip_version` is 4 or 6; with 6, IPv4 networks stand at ::/96. No network may
// hold another.
[[nodiscard]] std::string mmdb(const std::string& type, int ip_version,
                               const std::vector<MmdbEntry>& entries);

}  // namespace lossgazer::test
