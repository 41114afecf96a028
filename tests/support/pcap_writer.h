// Writes capture files for tests, in both classic byte orders and resolutions, and a plain pcapng.
// Never reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>

#include "analyzer/frame.h"
#include "analyzer/units.h"

namespace lossgazer::test {

// LINKTYPE_* value (tcpdump.org/linktypes.html).
[[nodiscard]] uint32_t link_type_number(LinkType type);

struct PcapFormat {
  bool pcapng = false;       // one section, one interface, nanoseconds
  bool nanoseconds = false;  // for the classic format
  bool big_endian = false;
  uint32_t snaplen = 262144;
};

// Writes one file to `out`, which must be binary, outlive the writer, and throw or be checked by
// the caller on failure. Not thread-safe.
class PcapWriter {
 public:
  PcapWriter(std::ostream& out, LinkType type, PcapFormat format = {});

  // Keeps the snapshot length of `frame` at most. `wire_length` 0 stands for its size.
  void write(CaptureTime time, std::span<const std::byte> frame, uint32_t wire_length = 0);

 private:
  void put16(uint16_t value);
  void put32(uint32_t value);
  void put(std::span<const std::byte> bytes);

  std::ostream& out_;
  PcapFormat format_;
};

}  // namespace lossgazer::test
