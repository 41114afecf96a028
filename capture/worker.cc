#include "capture/worker.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <span>
#include <utility>
#include <vector>

#include "analyzer/flow_clock.h"
#include "capture/named_thread.h"

namespace lossgazer {
namespace {

using std::chrono::steady_clock;

constexpr size_t kBatch = 256;
constexpr auto kTickInterval = std::chrono::milliseconds(100);
// How long a packet may be on its way from the wire to the shard: a block of the kernel's ring held
// back, and the threads' wake-up. What the wall clock says is that much ahead of the shard.
constexpr auto kOnTheWay = std::chrono::milliseconds(100);
// A reader that says nothing for so long has stopped, and is not waited for.
constexpr auto kReaderSilentMax = std::chrono::seconds(5);
static_assert(kReaderSilentMax < FlowClock::kStepMin);

CaptureTime wall_clock() {
  return CaptureTime(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
}

Duration thread_cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

Worker::Worker(ShardConfig config, const std::string& thread_name, const GapBoard* gaps,
               std::function<void()> begins, VerdictSink verdicts)
    : gaps_(gaps), begins_(std::move(begins)), shard_(std::move(config), std::move(verdicts)) {
  take_gaps();  // before the first packet of any source
  thread_ = named_thread(thread_name, [this] { run(); });
}

Worker::~Worker() {
  request_stop();
  if (thread_.joinable()) thread_.join();
  delete mailbox_.load();
}

void Worker::set_local(std::shared_ptr<const NetworkSet> local) {
  const std::lock_guard lock(mutex_);
  new_local_ = std::move(local);
}

void Worker::set_peers(PeerPolicy peers) {
  const std::lock_guard lock(mutex_);
  new_peers_ = std::move(peers);
}

void Worker::set_flows_idle(Duration idle) {
  const std::lock_guard lock(mutex_);
  new_flows_idle_ = idle;
}

std::unique_ptr<ShardDelta> Worker::take_delta() {
  return std::unique_ptr<ShardDelta>(mailbox_.exchange(nullptr));
}

ShardDelta Worker::stop() {
  request_stop();
  thread_.join();
  return shard_.drain();
}

WorkerHealth Worker::health() const {
  return {.queue_packets = queue_.size_approx(), .busy = Duration(busy_)};
}

std::exception_ptr Worker::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Worker::run() noexcept {
  try {
    if (begins_) begins_();
    judge_until_stopped();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

void Worker::judge_until_stopped() {
  std::vector<Segment> batch(kBatch);
  auto next_tick = steady_clock::now() + kTickInterval;
  for (;; ++turns_) {
    // Read before the queue: what was pushed before the request is then found there.
    const bool stopping = stopping_;
    const auto until_tick =
        std::chrono::duration_cast<std::chrono::microseconds>(next_tick - steady_clock::now());
    const size_t count =
        queue_.pop(batch, stopping ? std::chrono::microseconds(0)
                                   : std::max(until_tick, std::chrono::microseconds(0)));
    if (count > 0) {
      shard_.judge(std::span(batch).first(count));
      last_packet_ = batch[count - 1].time;
    } else if (stopping) {
      break;
    }
    if (steady_clock::now() >= next_tick) {
      tick(count < batch.size());
      next_tick = steady_clock::now() + kTickInterval;
    }
  }
  take_gaps();  // the readers have ended, and said their last
  shard_.finish();
}

void Worker::take_gaps() {
  if (gaps_ == nullptr) return;
  std::vector<CaptureGaps> by_source = gaps_->all();
  queued_until_ = CaptureTime::max();
  for (const CaptureGaps& gaps : by_source) {
    queued_until_ = std::min(queued_until_, gaps.known_until());
  }
  shard_.set_capture_gaps(std::move(by_source));
}

// Up to when all packets have been judged, if the queue was emptied since `queued_until`, by when
// all were in it. The wall clock alone runs ahead of packets that wait in the ring of a busy
// machine. It may be set: what it says now may be long before the last packet's stamp.
CaptureTime Worker::judged_until(CaptureTime queued_until) {
  const CaptureTime now = wall_clock();
  return std::clamp(queued_until, now - kReaderSilentMax, now - kOnTheWay);
}

void Worker::tick(bool queue_was_emptied) {
  std::shared_ptr<const NetworkSet> local;
  std::optional<PeerPolicy> peers;
  std::optional<Duration> flows_idle;
  {
    const std::lock_guard lock(mutex_);
    local = std::exchange(new_local_, nullptr);
    peers = std::exchange(new_peers_, std::nullopt);
    flows_idle = std::exchange(new_flows_idle_, std::nullopt);
  }
  if (local) shard_.set_local(std::move(local));
  if (peers) shard_.set_peers(std::move(*peers));
  if (flows_idle) shard_.set_flows_idle(*flows_idle);
  const CaptureTime queued_until = queued_until_;
  take_gaps();
  // With a backlog the clock would run ahead of packets that wait here.
  shard_.tick(queue_was_emptied ? judged_until(queued_until) : last_packet_);
  if (mailbox_.load() == nullptr) mailbox_ = new ShardDelta(shard_.drain());
  busy_ = thread_cpu_time().count();
}

}  // namespace lossgazer
