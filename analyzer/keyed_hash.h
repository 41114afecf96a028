// SipHash-1-3 (Aumasson and Bernstein, 2012): a hash whose collisions an attacker who does not know
// the key cannot choose. Used for everything the network picks: 5-tuples and peers.
#pragma once

#include <bit>
#include <cstdint>

#include "analyzer/flow_key.h"
#include "analyzer/ip_address.h"

namespace lossgazer {

struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

// Feeds 64-bit words, then yields the hash. A value; use one for each hash.
class KeyedHash {
 public:
  explicit constexpr KeyedHash(HashKey key)
      : v0_(key.low ^ 0x736f6d6570736575),
        v1_(key.high ^ 0x646f72616e646f6d),
        v2_(key.low ^ 0x6c7967656e657261),
        v3_(key.high ^ 0x7465646279746573) {}

  constexpr void add(uint64_t word) {
    v3_ ^= word;
    round();
    v0_ ^= word;
    ++words_;
  }
  // Leaves out the constant 96 bits of an IPv4-mapped address.
  constexpr void add(const IpAddress& address) {
    if (!address.is_v4()) add(address.upper());
    add(address.lower());
  }
  [[nodiscard]] constexpr uint64_t finish() {
    add(words_ << 59);  // the length in bytes, in the top byte
    v2_ ^= 0xff;
    round();
    round();
    round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  constexpr void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t words_ = 0;
};

[[nodiscard]] constexpr uint64_t hash_of(HashKey secret, const FlowKey& key) {
  KeyedHash hash(secret);
  if (key.low_address.is_v4() && key.high_address.is_v4()) {
    hash.add(key.low_address.lower() << 32 | (key.high_address.lower() & 0xffffffff));
  } else {
    hash.add(key.low_address);
    hash.add(key.high_address);
  }
  hash.add(uint64_t{key.low_port} << 48 | uint64_t{key.high_port} << 32 | key.encapsulation);
  return hash.finish();
}

}  // namespace lossgazer
