// Reads big-endian fields out of captured bytes, and keeps account of how many bytes there were on
// the wire. Never reads beyond what was captured.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lossgazer {

// The first `Size` bytes of a header, or nothing, in which case no field may be read. Offsets are
// checked when compiling. Does not own the bytes. (A std::optional would do, but GCC keeps one in
// memory, which triples the time that decoding a packet takes.)
template <size_t Size>
class Header {
 public:
  constexpr Header() = default;
  explicit constexpr Header(std::span<const std::byte, Size> bytes) : bytes_(bytes.data()) {}

  explicit constexpr operator bool() const { return bytes_ != nullptr; }

  template <size_t Offset>
  [[nodiscard]] constexpr uint8_t u8() const {
    static_assert(Offset < Size);
    return std::to_integer<uint8_t>(bytes_[Offset]);
  }
  template <size_t Offset>
  [[nodiscard]] constexpr uint16_t u16() const {
    return static_cast<uint16_t>(u8<Offset>() << 8 | u8<Offset + 1>());
  }
  template <size_t Offset>
  [[nodiscard]] constexpr uint32_t u32() const {
    return uint32_t{u16<Offset>()} << 16 | u16<Offset + 2>();
  }
  template <size_t Offset, size_t Count>
  [[nodiscard]] constexpr std::array<uint8_t, Count> bytes() const {
    static_assert(Offset + Count <= Size);
    std::array<uint8_t, Count> copy{};
    for (size_t i = 0; i < Count; ++i) copy[i] = std::to_integer<uint8_t>(bytes_[Offset + i]);
    return copy;
  }

 private:
  const std::byte* bytes_ = nullptr;  // `Size` of them
};

// What is left of a frame or of a part of it: so many bytes on the wire, the first of which were
// captured. A value; it does not own the bytes. Reading moves one number alone: compilers handle
// that best.
class ByteReader {
 public:
  // `length` is in bytes on the wire; a smaller one than was captured leaves the rest unread.
  constexpr ByteReader(std::span<const std::byte> captured, size_t length)
      : captured_(captured.first(std::min(captured.size(), length))), end_(length) {}

  // Bytes left on the wire, and how many of them were captured.
  [[nodiscard]] constexpr size_t length() const { return end_ - position_; }
  [[nodiscard]] constexpr size_t captured() const { return captured_.size() - position_; }

  // Consumes `Size` bytes; if they were not all captured, gives nothing and consumes nothing.
  template <size_t Size>
  [[nodiscard]] constexpr Header<Size> take() {
    if (captured() < Size) return {};
    const auto bytes = captured_.subspan(position_).template first<Size>();
    position_ += Size;
    return Header<Size>(bytes);
  }

  // Consumes `count` bytes; false, and nothing is consumed, if they were not all captured.
  [[nodiscard]] constexpr bool skip(size_t count) {
    if (captured() < count) return false;
    position_ += count;
    return true;
  }

  // Sets the bytes left on the wire, whatever was believed before.
  constexpr void set_length(size_t length) {
    end_ = position_ + length;
    if (end_ < captured_.size()) captured_ = captured_.first(end_);
  }

 private:
  std::span<const std::byte> captured_;
  size_t position_ = 0;  // at most captured_.size()
  size_t end_;           // on the wire, at least captured_.size()
};

}  // namespace lossgazer
