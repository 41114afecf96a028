#include "analyzer/ip_address.h"

#include <cassert>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace lossgazer {
namespace {

constexpr uint8_t kMappedBits = 96;  // before the IPv4 address in its mapped form
constexpr size_t kGroups = 8;        // of 16 bits in an IPv6 address

// All of `text` as a number of at most `max_digits` digits; nothing if it is anything else.
std::optional<uint16_t> parse_number(std::string_view text, int base, size_t max_digits) {
  if (text.empty() || text.size() > max_digits) return std::nullopt;
  uint16_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// Without leading zeros, which some readers take for octal.
std::optional<uint8_t> parse_decimal(std::string_view text, uint8_t max) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto number = parse_number(text, 10, 3);
  if (!number || *number > max) return std::nullopt;
  return static_cast<uint8_t>(*number);
}

// Takes the part before the first `separator`, or all, off the front of `text`.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

std::optional<uint32_t> parse_v4(std::string_view text) {
  uint32_t address = 0;
  for (int i = 0; i < 4; ++i) {
    const bool separated = text.find('.') != std::string_view::npos;
    if (separated != (i < 3)) return std::nullopt;
    const auto part = parse_decimal(take_until(text, '.'), 255);
    if (!part) return std::nullopt;
    address = address << 8 | *part;
  }
  return address;
}

// Groups of an IPv6 address: one side of its "::", or all of it.
struct GroupList {
  std::array<uint16_t, kGroups> groups{};
  size_t size = 0;

  bool push(uint16_t group) {
    if (size == kGroups) return false;
    groups[size++] = group;
    return true;
  }
};

// Reads "2001:db8" and, where the address ends here, also "ffff:192.0.2.1". Empty text is no group.
std::optional<GroupList> parse_groups(std::string_view text, bool may_end_in_v4) {
  GroupList list;
  if (text.empty()) return list;
  if (text.back() == ':') return std::nullopt;
  while (!text.empty()) {
    const bool last = text.find(':') == std::string_view::npos;
    const std::string_view part = take_until(text, ':');
    if (last && may_end_in_v4 && part.find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(part);
      if (!v4 || !list.push(static_cast<uint16_t>(*v4 >> 16)) ||
          !list.push(static_cast<uint16_t>(*v4 & 0xffff))) {
        return std::nullopt;
      }
    } else {
      const auto group = parse_number(part, 16, 4);
      if (!group || !list.push(*group)) return std::nullopt;
    }
  }
  return list;
}

std::optional<std::array<uint8_t, 16>> parse_v6(std::string_view text) {
  const size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const auto head = parse_groups(text.substr(0, gap), !has_gap);
  const auto tail = parse_groups(has_gap ? text.substr(gap + 2) : std::string_view(), true);
  if (!head || !tail) return std::nullopt;
  // "::" stands for at least one group (RFC 4291, section 2.2).
  const size_t given = head->size + tail->size;
  if (has_gap ? given >= kGroups : given != kGroups) return std::nullopt;

  std::array<uint8_t, 16> bytes{};
  const auto store = [&bytes](size_t index, uint16_t group) {
    bytes[2 * index] = static_cast<uint8_t>(group >> 8);
    bytes[2 * index + 1] = static_cast<uint8_t>(group & 0xff);
  };
  for (size_t i = 0; i < head->size; ++i) store(i, head->groups[i]);
  for (size_t i = 0; i < tail->size; ++i) store(kGroups - tail->size + i, tail->groups[i]);
  return bytes;
}

void append_number(std::string& text, unsigned number, int base) {
  std::array<char, 8> digits{};
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  assert(error == std::errc());
  text.append(digits.data(), end);
}

std::string v4_text(const std::array<uint8_t, 16>& bytes) {
  std::string text;
  for (size_t i = 12; i < 16; ++i) {
    if (i != 12) text += '.';
    append_number(text, bytes[i], 10);
  }
  return text;
}

std::string v6_text(const std::array<uint8_t, 16>& bytes) {
  const auto group = [&bytes](size_t i) {
    return static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  };
  // The first of the longest runs of zero groups becomes "::", but never one group alone (RFC 5952,
  // section 4.2).
  size_t gap = kGroups;
  size_t gap_length = 1;
  for (size_t i = 0; i < kGroups; ++i) {
    size_t run = 0;
    while (i + run < kGroups && group(i + run) == 0) ++run;
    if (run > gap_length) {
      gap = i;
      gap_length = run;
    }
  }
  std::string text;
  for (size_t i = 0; i < kGroups; ++i) {
    if (i == gap) {
      text += "::";
      i += gap_length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append_number(text, group(i), 16);
  }
  return text;
}

// `address` with all but its first `length` bits, of 128, cleared.
IpAddress masked(const IpAddress& address, uint8_t length) {
  std::array<uint8_t, 16> bytes = address.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t bits_before = 8 * i;
    if (length <= bits_before) {
      bytes[i] = 0;
    } else if (length < bits_before + 8) {
      bytes[i] = static_cast<uint8_t>(bytes[i] & 0xff00 >> (length - bits_before));
    }
  }
  return IpAddress::v6(bytes);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto address = parse_v4(text);
    return address ? std::optional(v4(*address)) : std::nullopt;
  }
  const auto bytes = parse_v6(text);
  return bytes ? std::optional(v6(*bytes)) : std::nullopt;
}

std::string IpAddress::to_string() const { return is_v4() ? v4_text(bytes()) : v6_text(bytes()); }

IpPrefix::IpPrefix(IpAddress address, uint8_t length)
    : address_(address),
      mapped_length_(static_cast<uint8_t>(address.is_v4() ? kMappedBits + length : length)) {
  assert(mapped_length_ <= 128);
  address_ = masked(address, mapped_length_);
}

IpPrefix::IpPrefix(IpAddress address) : address_(address), mapped_length_(128) {}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpPrefix(*address);
  const auto length = parse_decimal(text.substr(slash + 1), 128);
  if (!length) return std::nullopt;
  if (!address->is_v4()) return IpPrefix(*address, *length);
  // "::ffff:192.0.2.0/120" counts its bits as IPv6 does.
  const bool mapped_text = text.find(':') != std::string_view::npos;
  const int v4_length = mapped_text ? *length - kMappedBits : *length;
  if (v4_length < 0 || v4_length > 32) return std::nullopt;
  return IpPrefix(*address, static_cast<uint8_t>(v4_length));
}

bool IpPrefix::contains(const IpAddress& address) const {
  // "::/0" means all of IPv6, and not IPv4, whatever the form both are held in.
  if (mapped_length_ < kMappedBits && address.is_v4()) return false;
  return masked(address, mapped_length_) == address_;
}

std::string IpPrefix::to_string() const {
  std::string text = address_.to_string();
  if (mapped_length_ == 128) return text;
  text += '/';
  append_number(text, address_.is_v4() ? mapped_length_ - kMappedBits : mapped_length_, 10);
  return text;
}

}  // namespace lossgazer
