// The same frames, read as a file and judged as they come, or through a capture thread, a queue and
// a worker's thread with a clock of its own: every counter is the same.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "analyzer/decode.h"
#include "analyzer/network_set.h"
#include "analyzer/shared_counters.h"
#include "capture/gap_board.h"
#include "capture/pcap_source.h"
#include "capture/source_reader.h"
#include "capture/worker.h"
#include "tests/support/frame_builder.h"
#include "tests/support/pcap_writer.h"

namespace lossgazer {
namespace {

using test::FrameBuilder;
using namespace std::chrono_literals;

constexpr HashKey kSecret{1, 2};

ShardConfig config(bool ticked) {
  ShardConfig config;
  config.secret = kSecret;
  config.ticked = ticked;
  config.local =
      std::make_shared<const NetworkSet>(std::vector{IpPrefix::parse("192.0.2.0/24").value()});
  return config;
}

struct Counted {
  std::map<PeerKey, std::array<LossCounters, 2>> peers;
  uint64_t judged = 0;
  uint64_t frames = 0;

  void add(const ShardDelta& delta) {
    for (const PeerRow& row : delta.peers) {
      for (size_t i = 0; i < 2; ++i) peers[row.key][i] += row.counters[i];
    }
    for (const SourceOutcome& outcome : delta.outcomes) judged += outcome.judged;
  }
};

Counted as_file(const std::string& path) {
  PcapSource source = PcapSource::open_file(path, "");
  SharedCounters shared(kSecret);
  Shard shard(config(false));
  Counted counted;
  CaptureTime ticked;
  const LinkType type = source.link_type();
  auto take = [&](const Frame& frame) noexcept {
    ++counted.frames;
    if (frame.time - ticked >= 100ms) shard.tick(ticked = frame.time);
    Segment segment;
    if (decode(frame, type, kSecret, segment) != DecodeStatus::kOk) return;
    shared.mark(segment);
    shard.judge({&segment, 1});
  };
  while (source.read(64, take).status == ReadStatus::kMore) {
  }
  shard.finish();
  counted.add(shard.drain());
  return counted;
}

Counted as_live(const std::string& path) {
  // That it missed nothing is what a file is told too. It begins when all is queued: its clock is
  // decades later, and would end what still comes in a reader that has to wait for its processor.
  std::promise<void> queued;
  Worker worker(config(true), "live", nullptr, [all = queued.get_future().share()] { all.wait(); });
  GapBoard board;
  Counted counted;
  {
    SourceReader reader(
        PcapSource::open_file(path, ""),
        {.name = "file", .queues = {&worker.queue()}, .board = &board, .secret = kSecret});
    while (!reader.ended()) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(reader.failure(), nullptr);
    EXPECT_EQ(reader.counts().queue_drops, 0U);
    counted.frames = reader.counts().packets;
  }
  queued.set_value();
  std::this_thread::sleep_for(250ms);  // some ticks, decades after the packets
  const ShardDelta last = worker.stop();
  if (const auto delta = worker.take_delta()) counted.add(*delta);
  counted.add(last);
  return counted;
}

// Downloads over a path that loses, copies, delays and reorders.
void write_troubled(const std::string& path, uint32_t seed) {
  std::mt19937 random(seed);
  const auto one_in = [&](uint32_t n) { return random() % n == 0; };
  struct Sent {
    CaptureTime time;
    test::Bytes frame;
  };
  std::vector<Sent> sent;
  const CaptureTime start{1'700'000'000s};
  for (uint16_t flow = 0; flow < 8; ++flow) {
    const FrameBuilder from =
        FrameBuilder()
            .to("198.51.100.7", 443)
            .from("192.0.2." + std::to_string(1 + flow % 3), static_cast<uint16_t>(40'000 + flow));
    auto id = static_cast<uint16_t>(random());
    auto seq = static_cast<uint32_t>(random());
    CaptureTime now = start + flow * 30ms;
    const auto tsval = [&](Duration later = 0ms) {
      return static_cast<uint32_t>((now + later - start) / 1ms) + 1000;
    };
    for (int i = 0; i < 600; ++i) {
      now += one_in(50) ? 1500ms : Duration(1ms);
      const auto data = [&](Duration later) {
        return FrameBuilder(from)
            .reversed()
            .seq(seq)
            .ack(1)
            .ip_id(id++)
            .timestamps(tsval(later), 1)
            .payload(1000);
      };
      const FrameBuilder first = data(0ms);
      const bool lost_before = one_in(20);
      if (!lost_before) {
        sent.push_back({now + (one_in(30) ? 3ms : 0ms), first.build()});
        if (one_in(40)) sent.push_back({now + 2ms, first.build()});
      }
      if (lost_before || one_in(30)) sent.push_back({now + 60ms, data(60ms).build()});
      seq += 1000;
      if (!one_in(4)) {
        sent.push_back(
            {now + 61ms, FrameBuilder(from).seq(1).ack(seq).timestamps(1, tsval()).build()});
      }
    }
  }
  std::ranges::stable_sort(sent, {}, &Sent::time);
  std::ofstream file(path, std::ios::binary);
  test::PcapWriter writer(file, LinkType::kEthernet, {.nanoseconds = true});
  for (const Sent& one : sent) writer.write(one.time, one.frame);
}

void expect_same(const std::string& path) {
  SCOPED_TRACE(path);
  const Counted file = as_file(path);
  const Counted live = as_live(path);
  EXPECT_GT(file.frames, 0U);
  EXPECT_EQ(file.frames, live.frames);
  EXPECT_EQ(file.judged, live.judged);
  EXPECT_EQ(file.peers, live.peers);
}

TEST(FileAndLive, CountTheSameInTheGoldenCaptures) {
  const std::filesystem::path golden = LOSSGAZER_GOLDEN_DIR;
  for (const char* name : {"egress_loss.pcap", "ingress_loss.pcap"}) expect_same(golden / name);
}

TEST(FileAndLive, CountTheSameOnATroubledPath) {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("lossgazer-file-and-live-" + std::to_string(getpid()));
  for (const uint32_t seed : {1U, 2U, 3U}) {
    write_troubled(path, seed);
    expect_same(path);
    const Counted counted = as_file(path);
    uint64_t retransmitted = 0;
    for (const auto& [key, counters] : counted.peers) {
      retransmitted += counters[0].retransmitted_segments + counters[1].retransmitted_segments;
    }
    EXPECT_GT(retransmitted, 100U) << "there is something to count";
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace lossgazer
