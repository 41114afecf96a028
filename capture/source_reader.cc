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

void SourceCounts::join(const SourceCounts& other) {
  const uint64_t drops = std::max(interface_drops, other.interface_drops);
  const auto last = std::max(last_packet, other.last_packet);
  *this += other;
  interface_drops = drops;
  last_packet = last;
}

SourceReader::SourceReader(PcapSource source, const SourceReaderConfig& config)
    : ifindex_(source.ifindex()),
      buffer_bytes_(source.buffer_bytes()),
      config_(config),
      link_type_(source.link_type()),
      source_(std::move(source)),
      shared_counters_(config.secret),
      watch_(config.board->of(config.source, config.thread), ClockReading::now()) {
  segment_.source = config_.source;
  segment_.link = ifindex_;
  put_up_gaps();
  lanes_.reserve(config.queues.size());
  for (ShardQueue* queue : config.queues) {
    lanes_.push_back({ShardQueue::Producer(*queue), {}});
    lanes_.back().batch.reserve(kBatch);
  }
  thread_ = named_thread(config.name, [this] { run(); });
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
    if (config_.begins) config_.begins();
    vanished = read_until_stopped() != ReadStatus::kMore;
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  publish();
  watch_.on_end(vanished);
  put_up_gaps();
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
    const uint64_t frames = frames_;
    result = source_.read(kFramesAtOnce, [this](const Frame& frame) noexcept { take(frame); });
    for (Lane& lane : lanes_) flush(lane);
    // With less than was asked for, that was all the ring had to give.
    const bool emptied = frames_ - frames < kFramesAtOnce;
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
  ++frames_;
  const DecodeStatus status = decode(frame, link_type_, config_.secret, segment_);
  if (status == DecodeStatus::kOk && !config_.sample.keeps(segment_.key)) return;
  ++counts_.packets;
  counts_.last_packet = frame.time;
  if (status != DecodeStatus::kOk) {
    ++counts_.unparsed[static_cast<size_t>(status)];
    return;
  }
  Lane& lane = lanes_[(segment_.hash >> 32) * lanes_.size() >> 32];
  shared_counters_.mark_soon(lane.batch.emplace_back(segment_));
  if (lane.batch.size() == kBatch) flush(lane);
}

void SourceReader::flush(Lane& lane) noexcept {
  if (lane.batch.empty()) return;
  shared_counters_.mark_waiting();
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
  put_up_gaps();
}

}  // namespace lossgazer
