// IP addresses and prefixes as values; IPv4 is held as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lossgazer {

class IpAddress {
 public:
  constexpr IpAddress() = default;  // "::"

  [[nodiscard]] static constexpr IpAddress v4(uint32_t host_order) {
    return {0, kMapped << 32 | host_order};
  }
  [[nodiscard]] static constexpr IpAddress v6(std::span<const uint8_t, 16> network_order) {
    return {word_at(network_order.first<8>()), word_at(network_order.last<8>())};
  }
  // The first and the last 64 bits, as numbers.
  [[nodiscard]] static constexpr IpAddress of_words(uint64_t upper, uint64_t lower) {
    return {upper, lower};
  }
  // Reads "192.0.2.1" or "2001:db8::1"; nothing if `text` is neither.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr bool is_v4() const { return upper_ == 0 && lower_ >> 32 == kMapped; }
  // In network order.
  [[nodiscard]] constexpr std::array<uint8_t, 16> bytes() const {
    std::array<uint8_t, 16> bytes{};
    for (unsigned i = 0; i < 8; ++i) {
      bytes[i] = static_cast<uint8_t>(upper_ >> (56 - 8 * i));
      bytes[8 + i] = static_cast<uint8_t>(lower_ >> (56 - 8 * i));
    }
    return bytes;
  }
  [[nodiscard]] constexpr uint64_t upper() const { return upper_; }
  [[nodiscard]] constexpr uint64_t lower() const { return lower_; }
  // The shortest usual text (RFC 5952).
  [[nodiscard]] std::string to_string() const;

  // As of their bytes in network order.
  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  static constexpr uint64_t kMapped = 0xffff;

  constexpr IpAddress(uint64_t upper, uint64_t lower) : upper_(upper), lower_(lower) {}
  static constexpr uint64_t word_at(std::span<const uint8_t, 8> network_order) {
    uint64_t word = 0;
    for (const uint8_t byte : network_order) word = word << 8 | byte;
    return word;
  }

  uint64_t upper_ = 0;
  uint64_t lower_ = 0;
};

// A network: an address and how many of its leading bits count.
class IpPrefix {
 public:
  // `length` is in bits of the address's own family: at most 32 for IPv4, 128 for IPv6. Bits beyond
  // it are cleared.
  IpPrefix(IpAddress address, uint8_t length);
  // A single host.
  explicit IpPrefix(IpAddress address);
  // Reads "192.0.2.0/24", "2001:db8::/32" or a bare address; nothing if `text` is none of them.
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);

  // Of the same family only: "::/0" holds no IPv4 address.
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] const IpAddress& address() const { return address_; }
  // In bits of the 128-bit form: an IPv4 /24 is 120.
  [[nodiscard]] uint8_t mapped_length() const { return mapped_length_; }
  // A single host stands without its length.
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const IpPrefix&) const = default;

 private:
  IpAddress address_;
  uint8_t mapped_length_;
};

}  // namespace lossgazer
