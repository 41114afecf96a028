// Whose counters a row holds: a plain value that sorts, hashes and compares, and says nothing about
// how it is shown.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "analyzer/ip_address.h"
#include "analyzer/keyed_hash.h"

namespace lossgazer {

// A group's name, held in place: making a key allocates nothing.
class PeerName {
 public:
  static constexpr size_t kLengthMax = 63;  // bytes

  constexpr PeerName() = default;
  // `text` is at most kLengthMax bytes long and holds no NUL.
  explicit constexpr PeerName(std::string_view text) {
    assert(text.size() <= kLengthMax);
    std::copy(text.begin(), text.end(), text_.begin());
  }
  [[nodiscard]] constexpr std::string_view view() const { return text_.data(); }
  auto operator<=>(const PeerName&) const = default;

 private:
  std::array<char, kLengthMax + 1> text_{};  // the last one stays NUL
};

struct PeerKey {
  enum class Kind : uint8_t {
    kAddress,  // a peer of ours: `address`
    kPrefix,   // all peers of a network: the first `prefix_length` bits of `address`
    kGroup,    // all peers of the networks that share the name `group`
    kOther,    // all peers beyond the limit
    kPair,     // nobody is us: data between `address` and `second`, where address < second
  };
  Kind kind = Kind::kAddress;
  IpAddress address{};
  IpAddress second{};               // kPair only
  uint8_t prefix_length = 0;        // kPrefix only, in bits of the address's own family
  uint16_t port = 0;                // the server's, if peers are told apart by it and it is known
  std::optional<IpPrefix> local{};  // the network of ours, if peers are told apart by it
  PeerName group{};                 // kGroup only

  [[nodiscard]] IpPrefix prefix() const {
    assert(kind == Kind::kPrefix);
    return {address, prefix_length};
  }
  auto operator<=>(const PeerKey&) const = default;
};

[[nodiscard]] constexpr uint64_t hash_of(HashKey secret, const PeerKey& key) {
  KeyedHash hash(secret);
  hash.add(static_cast<uint64_t>(key.kind) | uint64_t{key.prefix_length} << 8 |
           uint64_t{key.port} << 16 | uint64_t{key.local.has_value()} << 32);
  hash.add(key.address);
  hash.add(key.second);
  if (key.local) {
    hash.add(key.local->address());
    hash.add(key.local->mapped_length());
  }
  const std::string_view name = key.group.view();
  for (size_t i = 0; i < name.size(); i += 8) {
    uint64_t word = 0;
    for (const char c : name.substr(i, 8)) word = word << 8 | static_cast<uint8_t>(c);
    hash.add(word);
  }
  return hash.finish();
}

}  // namespace lossgazer
