// A thread that owns one shard: takes segments from its queue, judges them, keeps time, and hands
// what it counted to whoever asks. It never waits for that: it counts on until there is room.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "analyzer/capture_health.h"
#include "analyzer/peer_policy.h"
#include "analyzer/shard.h"
#include "capture/gap_board.h"
#include "capture/shard_queue.h"

namespace lossgazer {

// Any thread may call anything, except stop(): one, once.
class Worker {
 public:
  // Starts the thread, under `thread_name` (15 characters are kept). What the sources may have
  // missed it takes from `gaps`, which must outlive this, at each tick and at the end; without one,
  // nothing ever was. The thread calls `begins` first, and `verdicts` for each verdict.
  Worker(ShardConfig config, const std::string& thread_name, const GapBoard* gaps = nullptr,
         std::function<void()> begins = {}, VerdictSink verdicts = {});
  // Throws away what was not yet taken.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] ShardQueue& queue() { return queue_; }

  // Whose address is ours changed: in force at the next tick, a tenth of a second away at most.
  void set_local(std::shared_ptr<const NetworkSet> local);
  // Likewise, who counts as one peer.
  void set_peers(PeerPolicy peers);
  // And how long a silent flow is kept.
  void set_flows_idle(Duration idle);

  // What was counted, refreshed ten times a second; null if that was taken already.
  [[nodiscard]] std::unique_ptr<ShardDelta> take_delta();

  // Tells the thread to end when its queue is empty. All producers must be gone.
  void request_stop() { stopping_ = true; }
  // Waits until what is queued is judged, all is settled and the thread has ended, and returns what
  // was counted since the last delta made, which may still wait to be taken.
  [[nodiscard]] ShardDelta stop();

  [[nodiscard]] WorkerHealth health() const;
  // Why the thread died; null while it is well.
  [[nodiscard]] std::exception_ptr failure() const;
  // Grows ten times a second at least, while the thread gets on.
  [[nodiscard]] uint64_t turns() const { return turns_; }

 private:
  void run() noexcept;
  void judge_until_stopped();
  void tick(bool queue_was_emptied);
  void take_gaps();
  [[nodiscard]] static CaptureTime judged_until(CaptureTime queued_until);

  ShardQueue queue_;
  std::atomic<ShardDelta*> mailbox_ = nullptr;  // owned
  std::atomic<Duration::rep> busy_ = 0;
  std::atomic<uint64_t> turns_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;  // guards the four below, and is held for a moment only
  std::shared_ptr<const NetworkSet> new_local_;
  std::optional<PeerPolicy> new_peers_;
  std::optional<Duration> new_flows_idle_;
  std::exception_ptr failure_;

  // The thread's own until it has ended.
  const GapBoard* gaps_;
  std::function<void()> begins_;
  Shard shard_;
  CaptureTime last_packet_;
  CaptureTime queued_until_ = CaptureTime::max();  // all packets until then were in the queue
  std::thread thread_;
};

}  // namespace lossgazer
