#include "tests/support/pcap_writer.h"

#include <algorithm>

namespace lossgazer::test {
namespace {

constexpr uint32_t kMicrosecondMagic = 0xa1b2c3d4;
constexpr uint32_t kNanosecondMagic = 0xa1b23c4d;

// pcapng (draft-ietf-opsawg-pcapng).
constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint16_t kTimeResolutionOption = 9;

}  // namespace

uint32_t link_type_number(LinkType type) {
  switch (type) {
    case LinkType::kEthernet:
      return 1;
    case LinkType::kLinuxCooked:
      return 113;
    case LinkType::kLinuxCookedV2:
      return 276;
    case LinkType::kRawIp:
      return 101;
    case LinkType::kNull:
      return 0;
    case LinkType::kLoopback:
      return 108;
    case LinkType::kPpp:
      return 9;
    case LinkType::kPppEthernet:
      return 51;
  }
  return 0;
}

PcapWriter::PcapWriter(std::ostream& out, LinkType type, PcapFormat format)
    : out_(out), format_(format) {
  if (!format_.pcapng) {
    put32(format_.nanoseconds ? kNanosecondMagic : kMicrosecondMagic);
    put16(2);  // version 2.4
    put16(4);
    put32(0);  // UTC
    put32(0);
    put32(format_.snaplen);
    put32(link_type_number(type));
    return;
  }
  put32(kSectionHeader);
  put32(28);
  put32(kByteOrderMagic);
  put16(1);  // version 1.0
  put16(0);
  put32(0xffffffff);  // section of unknown length
  put32(0xffffffff);
  put32(28);

  put32(kInterfaceDescription);
  put32(32);
  put16(static_cast<uint16_t>(link_type_number(type)));
  put16(0);
  put32(format_.snaplen);
  put16(kTimeResolutionOption);
  put16(1);
  constexpr std::byte kNanoseconds[4] = {std::byte{9}};
  put(kNanoseconds);
  put32(0);  // end of options
  put32(32);
}

void PcapWriter::write(CaptureTime time, std::span<const std::byte> frame, uint32_t wire_length) {
  const auto kept = frame.first(std::min<size_t>(frame.size(), format_.snaplen));
  const auto captured_length = static_cast<uint32_t>(kept.size());
  if (wire_length == 0) wire_length = static_cast<uint32_t>(frame.size());
  const auto nanoseconds = static_cast<uint64_t>(time.time_since_epoch().count());
  if (!format_.pcapng) {
    constexpr uint64_t kSecond = 1'000'000'000;
    const uint64_t fraction = nanoseconds % kSecond;
    put32(static_cast<uint32_t>(nanoseconds / kSecond));
    put32(static_cast<uint32_t>(format_.nanoseconds ? fraction : fraction / 1000));
    put32(captured_length);
    put32(wire_length);
    put(kept);
    return;
  }
  const uint32_t padding = (4 - captured_length % 4) % 4;
  const uint32_t block_length = 32 + captured_length + padding;
  put32(kEnhancedPacket);
  put32(block_length);
  put32(0);  // the interface
  put32(static_cast<uint32_t>(nanoseconds >> 32));
  put32(static_cast<uint32_t>(nanoseconds & 0xffffffff));
  put32(captured_length);
  put32(wire_length);
  put(kept);
  constexpr std::byte kZeros[3] = {};
  put(std::span(kZeros).first(padding));
  put32(block_length);
}

void PcapWriter::put16(uint16_t value) {
  const auto high = static_cast<char>(value >> 8);
  const auto low = static_cast<char>(value & 0xff);
  out_.put(format_.big_endian ? high : low);
  out_.put(format_.big_endian ? low : high);
}

void PcapWriter::put32(uint32_t value) {
  const auto high = static_cast<uint16_t>(value >> 16);
  const auto low = static_cast<uint16_t>(value & 0xffff);
  put16(format_.big_endian ? high : low);
  put16(format_.big_endian ? low : high);
}

void PcapWriter::put(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) out_.put(std::to_integer<char>(byte));
}

}  // namespace lossgazer::test
