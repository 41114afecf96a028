// Reads arbitrary bytes as a capture file, and judges what is in it: it ends, is cut off, or a
// std::runtime_error says why it cannot be read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <stdexcept>

#include "analyzer/decode.h"
#include "analyzer/shard.h"
#include "capture/pcap_source.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lossgazer;
  const test::MemoryFile file(data, size);
  ShardConfig config;
  config.flows_max = 16;
  config.peers_max = 16;
  Shard shard(config);
  uint64_t frames = 0;
  uint64_t decoded = 0;
  try {
    PcapSource source = PcapSource::open_file(file.path(), "");
    const LinkType type = source.link_type();
    auto judge = [&](const Frame& frame) noexcept {
      if (frame.number != ++frames || frame.bytes.size() > size) abort();
      Segment segment;
      if (decode(frame, type, {}, segment) != DecodeStatus::kOk) return;
      ++decoded;
      shard.judge(std::span(&segment, 1));
    };
    while (source.read(64, judge).status == ReadStatus::kMore) {
    }
  } catch (const std::runtime_error&) {
  }
  shard.finish();
  uint64_t accounted = 0;
  for (const SourceOutcome& outcome : shard.drain().outcomes) {
    accounted += outcome.judged + outcome.flow_table_drops;
    for (const uint64_t ignored : outcome.ignored) accounted += ignored;
  }
  if (accounted != decoded) abort();
  return 0;
}
