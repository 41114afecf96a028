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
    IpAddress address;
    address.bytes_[10] = address.bytes_[11] = 0xff;
    for (unsigned i = 0; i < 4; ++i) {
      address.bytes_[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
    }
    return address;
  }
  [[nodiscard]] static constexpr IpAddress v6(std::span<const uint8_t, 16> network_order) {
    IpAddress address;
    for (unsigned i = 0; i < 16; ++i) address.bytes_[i] = network_order[i];
    return address;
  }
  // Reads "192.0.2.1" or "2001:db8::1"; nothing if `text` is neither.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr bool is_v4() const {
    for (unsigned i = 0; i < 10; ++i) {
      if (bytes_[i] != 0) return false;
    }
    return bytes_[10] == 0xff && bytes_[11] == 0xff;
  }
  [[nodiscard]] constexpr const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // The shortest usual text (RFC 5952).
  [[nodiscard]] std::string to_string() const;

  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
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
