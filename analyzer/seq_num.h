// Sequence numbers as they stand on the wire (RFC 9293, section 3.4), and as unwrapped offsets.
#pragma once

#include <compare>
#include <cstdint>

namespace lossgazer {

// A place in one direction's byte stream, unwrapped to 64 bits, so that it may be ordered.
// Its low 32 bits are the sequence number on the wire.
class StreamOffset {
 public:
  constexpr StreamOffset() = default;
  explicit constexpr StreamOffset(uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr uint64_t value() const { return value_; }
  constexpr StreamOffset operator+(uint64_t bytes) const { return StreamOffset(value_ + bytes); }
  // Bytes from `earlier` to this offset. `earlier` must not be later.
  constexpr uint64_t operator-(StreamOffset earlier) const { return value_ - earlier.value_; }
  constexpr auto operator<=>(const StreamOffset&) const = default;

 private:
  uint64_t value_ = 0;
};

// A 32-bit sequence number. It wraps, so it has no order: unwrap it next to a known offset.
class SeqNum {
 public:
  constexpr SeqNum() = default;
  explicit constexpr SeqNum(uint32_t raw) : raw_(raw) {}
  explicit constexpr SeqNum(StreamOffset offset) : raw_(static_cast<uint32_t>(offset.value())) {}

  [[nodiscard]] constexpr uint32_t raw() const { return raw_; }
  constexpr bool operator==(const SeqNum&) const = default;

  // The offset nearest to `checkpoint` that has this sequence number.
  [[nodiscard]] constexpr StreamOffset unwrap(StreamOffset checkpoint) const {
    const auto distance = static_cast<int32_t>(raw_ - static_cast<uint32_t>(checkpoint.value()));
    return StreamOffset(checkpoint.value() + static_cast<uint64_t>(int64_t{distance}));
  }

  // The offset at which a stream that is first seen here begins: far enough from zero that nothing
  // before it can wrap below zero.
  [[nodiscard]] constexpr StreamOffset first_offset() const {
    return StreamOffset((uint64_t{1} << 32) + raw_);
  }

 private:
  uint32_t raw_ = 0;
};

}  // namespace lossgazer
