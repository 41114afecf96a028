#include "capture/source_reader.h"

#include <poll.h>
#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>
#include <utility>

#include "analyzer/decode.h"

namespace lossgazer {
namespace {

using std::chrono::steady_clock;

constexpr size_t kBatch = 256;
constexpr size_t kFramesAtOnce = 4096;
constexpr auto kStatisticsInterval = std::chrono::milliseconds(200);

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
                           const std::vector<ShardQueue*>& queues, HashKey secret,
                           const std::string& thread_name)
    : ifindex_(source.ifindex()),
      buffer_bytes_(source.buffer_bytes()),
      source_index_(source_index),
      secret_(secret),
      link_type_(source.link_type()),
      source_(std::move(source)) {
  lanes_.reserve(queues.size());
  for (ShardQueue* queue : queues) {
    lanes_.push_back({ShardQueue::Producer(*queue), {}});
    lanes_.back().batch.reserve(kBatch);
  }
  thread_ = std::thread(&SourceReader::run, this);
  ::pthread_setname_np(thread_.native_handle(), thread_name.substr(0, 15).c_str());
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
  try {
    read_until_stopped();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
  publish();
  ended_ = true;
}

void SourceReader::read_until_stopped() {
  std::array<pollfd, 2> waited_for = {
      pollfd{.fd = source_.fd(), .events = POLLIN, .revents = 0},
      pollfd{.fd = stop_.fd(), .events = POLLIN, .revents = 0},
  };
  constexpr int kTimeoutMs = static_cast<int>(kStatisticsInterval.count());
  auto next_statistics = steady_clock::now();
  ReadResult result;
  while (result.status == ReadStatus::kMore && waited_for[1].revents == 0) {
    if (::poll(waited_for.data(), waited_for.size(), kTimeoutMs) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "wait for frames");
    }
    result = source_.read(kFramesAtOnce, [this](const Frame& frame) noexcept { take(frame); });
    for (Lane& lane : lanes_) flush(lane);
    if (steady_clock::now() >= next_statistics) {
      read_statistics();
      next_statistics = steady_clock::now() + kStatisticsInterval;
    }
    publish();
  }
  read_statistics();
  const std::lock_guard lock(mutex_);
  message_ = std::move(result.message);
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
  Lane& lane = lanes_[(segment.hash >> 32) * lanes_.size() >> 32];
  lane.batch.push_back(segment);
  if (lane.batch.size() == kBatch) flush(lane);
}

void SourceReader::flush(Lane& lane) noexcept {
  if (lane.batch.empty()) return;
  publish();
  if (!lane.producer.try_push(lane.batch)) counts_.queue_drops += lane.batch.size();
  lane.batch.clear();
}

void SourceReader::publish() noexcept {
  const std::lock_guard lock(mutex_);
  published_ = counts_;
}

void SourceReader::read_statistics() {
  const SourceStatistics statistics = source_.statistics();
  counts_.kernel_drops = statistics.kernel_drops;
  counts_.interface_drops = statistics.interface_drops;
}

}  // namespace lossgazer
