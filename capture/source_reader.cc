#include "capture/source_reader.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

#include "analyzer/decode.h"
#include "capture/named_thread.h"

namespace lossgazer {
namespace {

using std::chrono::steady_clock;

constexpr size_t kBatch = 256;
constexpr size_t kFramesAtOnce = 4096;
constexpr auto kStatisticsInterval = std::chrono::milliseconds(200);
// How long the kernel may hold a block of the ring back before it can be read, and some more.
constexpr auto kHeldBack = std::chrono::milliseconds(100);

}  // namespace

SourceCounts& SourceCounts::operator+=(const SourceCounts& later) {
  packets += later.packets;
  for (size_t i = 0; i < unparsed.size(); ++i) unparsed[i] += later.unparsed[i];
  queue_drops += later.queue_drops;
  kernel_drops += later.kernel_drops;
  interface_drops += later.interface_drops;
  if (later.last_packet) last_packet = later.last_packet;
  return *this;
}

SourceReader::SourceReader(PcapSource source, uint16_t source_index,
                           const std::vector<ShardQueue*>& queues, HashKey secret, GapBoard& board,
                           const std::string& thread_name, std::function<void()> begins)
    : ifindex_(source.ifindex()),
      buffer_bytes_(source.buffer_bytes()),
      source_index_(source_index),
      secret_(secret),
      link_type_(source.link_type()),
      board_(board),
      begins_(std::move(begins)),
      source_(std::move(source)),
      shared_counters_(secret),
      watch_(board.of(source_index), ClockReading::now()) {
  board_.put(source_index_, watch_.gaps());
  lanes_.reserve(queues.size());
  for (ShardQueue* queue : queues) {
    lanes_.push_back({ShardQueue::Producer(*queue), {}});
    lanes_.back().batch.reserve(kBatch);
  }
  thread_ = named_thread(thread_name, [this] { run(); });
}

SourceReader::~SourceReader() { stop(); }

void SourceReader::stop() {
  stop_.set();
  if (thread_.joinable()) thread_.join();
}

std::string SourceReader::message() const {
  const std::lock_guard lock(mutex_);
  return message_;
}

std::exception_ptr SourceReader::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

SourceCounts SourceReader::counts() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

void SourceReader::run() noexcept {
  bool vanished = true;
  try {
    if (begins_) begins_();
    vanished = read_until_stopped() != ReadStatus::kMore;
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  publish();
  watch_.on_end(vanished);
  board_.put(source_index_, watch_.gaps());
  ended_ = true;
}

ReadStatus SourceReader::read_until_stopped() {
  std::array<pollfd, 2> waited_for = {
      pollfd{.fd = source_.fd(), .events = POLLIN, .revents = 0},
      pollfd{.fd = stop_.fd(), .events = POLLIN, .revents = 0},
  };
  constexpr int kTimeoutMs = static_cast<int>(kStatisticsInterval.count());
  auto next_statistics = steady_clock::now();
  ReadResult result;
  CaptureTime handed_on = CaptureTime::min();
  while (result.status == ReadStatus::kMore && waited_for[1].revents == 0) {
    if (::poll(waited_for.data(), waited_for.size(), kTimeoutMs) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "wait for frames");
    }
    const CaptureTime before = ClockReading::now().wall;
    const uint64_t packets = counts_.packets;
    result = source_.read(kFramesAtOnce, [this](const Frame& frame) noexcept { take(frame); });
    for (Lane& lane : lanes_) flush(lane);
    // With less than was asked for, that was all the ring had to give.
    const bool emptied = counts_.packets - packets < kFramesAtOnce;
    handed_on = emptied ? before - kHeldBack : counts_.last_packet.value_or(handed_on);
    if (steady_clock::now() >= next_statistics) {
      read_statistics(handed_on);
      next_statistics = steady_clock::now() + kStatisticsInterval;
    }
    publish();
    ++turns_;
  }
  read_statistics(handed_on);
  const std::lock_guard lock(mutex_);
  message_ = std::move(result.message);
  return result.status;
}

void SourceReader::take(const Frame& frame) noexcept {
  ++counts_.packets;
  counts_.last_packet = frame.time;
  Segment segment;
  segment.source = source_index_;
  segment.link = ifindex_;
  const DecodeStatus status = decode(frame, link_type_, secret_, segment);
  if (status != DecodeStatus::kOk) {
    ++counts_.unparsed[static_cast<size_t>(status)];
    return;
  }
  shared_counters_.mark(segment);
  Lane& lane = lanes_[(segment.hash >> 32) * lanes_.size() >> 32];
  lane.batch.push_back(segment);
  if (lane.batch.size() == kBatch) flush(lane);
}

void SourceReader::flush(Lane& lane) noexcept {
  if (lane.batch.empty()) return;
  publish();
  if (!lane.producer.try_push(lane.batch)) {
    counts_.queue_drops += lane.batch.size();
    const auto [first, last] = std::minmax_element(
        lane.batch.begin(), lane.batch.end(),
        [](const Segment& one, const Segment& other) { return one.time < other.time; });
    watch_.on_refusal(first->time, last->time);
  }
  lane.batch.clear();
}

void SourceReader::publish() noexcept {
  const std::lock_guard lock(mutex_);
  published_ = counts_;
}

void SourceReader::read_statistics(CaptureTime handed_on) {
  const ClockReading before = ClockReading::now();
  const SourceStatistics statistics = source_.statistics();
  const ClockReading after = ClockReading::now();
  counts_.kernel_drops = statistics.kernel_drops;
  counts_.interface_drops = statistics.interface_drops;
  watch_.on_reading({.before = before,
                     .after = after,
                     .kernel_drops = statistics.kernel_drops,
                     .interface_drops = statistics.interface_drops,
                     .handed_on = handed_on});
  board_.put(source_index_, watch_.gaps());
}

}  // namespace lossgazer
