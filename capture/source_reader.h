// A capture thread: owns one live source, which may be one of several on an interface, decodes its
// frames and hands each segment to the worker whose flow it is. It never judges, and never waits
// for a worker: what a queue refuses is counted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "analyzer/decode_status.h"
#include "analyzer/flow_sample.h"
#include "analyzer/keyed_hash.h"
#include "analyzer/segment.h"
#include "analyzer/shared_counters.h"
#include "analyzer/units.h"
#include "capture/drop_watch.h"
#include "capture/event_fd.h"
#include "capture/gap_board.h"
#include "capture/pcap_source.h"
#include "capture/shard_queue.h"

namespace lossgazer {

// Frames since a source was opened.
struct SourceCounts {
  uint64_t packets = 0;
  std::array<uint64_t, kDecodeStatusCount> unparsed{};  // by DecodeStatus
  uint64_t queue_drops = 0;
  uint64_t kernel_drops = 0;
  uint64_t interface_drops = 0;
  std::optional<CaptureTime> last_packet;

  // Both cover different times of the same interface, `later` the later one.
  SourceCounts& operator+=(const SourceCounts& later);
  // Both cover the same time, each by its own source of the interface's packets. The interface's
  // drops are known to both.
  void join(const SourceCounts& other);
};

struct SourceReaderConfig {
  uint16_t source = 0;  // what segments get as Segment::source
  size_t thread = 0;    // which of those that read the same interface
  std::string name{};   // of the thread; 15 characters are kept
  // Where segments go, by the upper half of their hash: flow tables index by the lower. These and
  // the board must outlive the reader.
  std::vector<ShardQueue*> queues{};
  GapBoard* board = nullptr;
  HashKey secret{};
  FlowSample sample{};             // other flows' packets count as not captured
  std::function<void()> begins{};  // called by the thread first
};

// Any thread may call anything.
class SourceReader {
 public:
  // Starts the thread. What may be missed is put up five times a second: before the first segment
  // is queued, while it is quiet, and when the thread ends.
  SourceReader(PcapSource source, const SourceReaderConfig& config);
  // Ends the thread.
  ~SourceReader();
  SourceReader(const SourceReader&) = delete;
  SourceReader& operator=(const SourceReader&) = delete;

  // Everything read is queued or counted as dropped when this returns.
  void stop();

  // True once the thread read its last frame, of itself or asked to.
  [[nodiscard]] bool ended() const { return ended_; }
  // Why it ended of itself: the interface is gone. Empty otherwise.
  [[nodiscard]] std::string message() const;
  // Why the thread died; null while it is well.
  [[nodiscard]] std::exception_ptr failure() const;
  // Grows five times a second at least, while the thread gets on.
  [[nodiscard]] uint64_t turns() const { return turns_; }

  // A frame counts in `packets` before a worker may have judged it.
  [[nodiscard]] SourceCounts counts() const;
  [[nodiscard]] uint32_t ifindex() const { return ifindex_; }
  [[nodiscard]] uint64_t buffer_bytes() const { return buffer_bytes_; }

 private:
  struct Lane {  // to one worker
    ShardQueue::Producer producer;
    std::vector<Segment> batch;
  };

  void run() noexcept;
  // Returns why it ended; kMore if it was asked to.
  ReadStatus read_until_stopped();
  void take(const Frame& frame) noexcept;
  void flush(Lane& lane) noexcept;
  void publish() noexcept;
  void put_up_gaps() { config_.board->put(config_.source, config_.thread, watch_.gaps()); }
  void read_statistics(CaptureTime handed_on);

  const uint32_t ifindex_;
  const uint64_t buffer_bytes_;
  const SourceReaderConfig config_;
  const LinkType link_type_;
  EventFd stop_;
  std::atomic<bool> ended_ = false;
  std::atomic<uint64_t> turns_ = 0;
  mutable std::mutex mutex_;  // guards the three below, and is held for a moment only
  SourceCounts published_;
  std::string message_;
  std::exception_ptr failure_;

  // The thread's own.
  PcapSource source_;
  SharedCounters shared_counters_;
  std::vector<Lane> lanes_;
  uint64_t frames_ = 0;  // read, of flows that are not kept too
  Segment segment_;      // of the last one; kept, since making one anew takes time
  SourceCounts counts_;
  DropWatch watch_;
  std::thread thread_;
};

}  // namespace lossgazer
