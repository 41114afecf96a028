// What the tests of decode() share: decoding the bytes of one frame.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>

#include "analyzer/decode.h"
#include "tests/support/frame_builder.h"

namespace lossgazer {

inline std::ostream& operator<<(std::ostream& out, DecodeStatus status) {
  return out << kDecodeStatusName[static_cast<size_t>(status)];
}

namespace test {

inline constexpr HashKey kSecret{3, 4};

struct Decoded {
  DecodeStatus status = DecodeStatus::kMalformed;
  Segment segment;
};

// `bytes` are what was captured of a frame of `wire_length` bytes, 0 for all of it.
inline Decoded decode(Bytes bytes, LinkType type = LinkType::kEthernet, size_t wire_length = 0) {
  // A block of exactly this size, so that a sanitizer sees any byte read beyond it.
  bytes.shrink_to_fit();
  const Frame frame{.time = CaptureTime(Duration(1'700'000'000'123'456'789)),
                    .number = 17,
                    .wire_length = static_cast<uint32_t>(std::max(wire_length, bytes.size())),
                    .bytes = bytes};
  Decoded result;
  result.segment.source = 5;
  result.segment.link = 9;
  result.status = lossgazer::decode(frame, type, kSecret, result.segment);
  return result;
}

inline Decoded decode(const FrameBuilder& builder, LinkType type = LinkType::kEthernet) {
  return decode(FrameBuilder(builder).link(type, 3).build(), type);
}

}  // namespace test
}  // namespace lossgazer
