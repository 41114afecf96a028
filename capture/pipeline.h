// Live capture as a whole: opens the sources, starts and stops the threads, follows links and
// addresses as they come and go, and adds up what the workers counted. It never judges a packet.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/capture_health.h"
#include "analyzer/keyed_hash.h"
#include "analyzer/network_set.h"
#include "analyzer/peer_ledger.h"
#include "analyzer/peer_policy.h"
#include "analyzer/rtt_buckets.h"
#include "analyzer/snapshot.h"
#include "analyzer/units.h"
#include "analyzer/verdict.h"
#include "capture/event_fd.h"
#include "capture/gap_board.h"
#include "capture/interfaces.h"
#include "capture/limited_log.h"
#include "capture/pcap_source.h"
#include "capture/source_reader.h"
#include "capture/worker.h"

namespace lossgazer {

struct PipelineConfig {
  // Names, `any`, or `/pattern/`; `none` for no capture at all. Empty: the default route's.
  std::vector<std::string> interfaces;
  LiveConfig live;                  // for each of them; its `interface` is not read
  std::optional<NetworkSet> local;  // which ends are us; else the namespace's addresses, followed
  size_t workers = 1;
  size_t flows_max = 1'000'000;  // of all workers together
  Duration flows_idle = std::chrono::minutes(2);
  size_t peers_max = 1'000;
  Duration peers_ttl = std::chrono::minutes(15);
  PeerPolicy peers;
  RttBuckets rtt_buckets;  // none: no histogram
  HashKey secret;
  // Opens an interface. A caller that holds the privilege only while it opens wraps it here.
  std::function<std::vector<PcapSource>(const LiveConfig&)> open = PcapSource::open_live;
  // Called by each such thread before its first packet.
  std::function<void()> reader_begins;
  std::function<void()> worker_begins;
  // Makes, for the worker of that number, what its thread calls for each verdict.
  std::function<VerdictSink(size_t)> verdicts;
  // Told by the thread that calls start() or poll() whose packets have that Verdict::source, before
  // the first does: one that was forgotten leaves its number to another.
  std::function<void(uint16_t, const std::string&)> source_named;
  // Threads turn several times a second. One that did not for so long never will: even a machine
  // that is far too busy lets each run now and then.
  std::chrono::milliseconds stuck_after = std::chrono::seconds(20);
  // Told what an operator should know, rarely, by the thread that calls start() or poll().
  // Bounded where links or the network can cause it.
  LogFunction log;
};

// One thread calls start(), poll() and stop(). Any thread may call the rest; they wait for no
// packet, worker or capture thread.
class Pipeline {
 public:
  explicit Pipeline(PipelineConfig config);

  // Opens what is there and starts the threads, which inherit this thread's signal mask. Throws
  // std::runtime_error if a literal interface does not exist or cannot be opened.
  void start();

  // Waits at most `timeout`, or until something is to be done, and does it: follows links and
  // addresses, reopens what came back, takes what the workers counted, forgets idle peers. To be
  // called several times a second. Throws std::runtime_error if a capture or worker thread died:
  // its name, and of what.
  void poll(std::chrono::milliseconds timeout);

  // Changes who counts as one peer, how many are exported and how long; after start(), in force
  // within two tenths of a second for new flows. Flows already known keep their peer, and peers
  // what they counted; if there are now too many, the lightest end. Workers keep the room for peers
  // that they were given at the start: four times config's `peers_max` each, and at least 16,384.
  void set_peers(const PeerPolicy& peers, size_t peers_max, Duration peers_ttl);
  // Changes which ends are us, as soon as poll() is called; nothing: the namespace's addresses,
  // followed. Flows already known keep theirs.
  void set_local(std::optional<NetworkSet> local);
  // Changes how long a silent flow is kept, after start(): those already known too.
  void set_flows_idle(Duration idle);

  // Ends a poll() at once. May be called in a signal handler.
  void wake() const noexcept { wake_.set(); }

  // Ends capture, judges what was captured, settles everything and ends all threads. Snapshots stay
  // readable. Does nothing if it was not started, or is stopped already.
  void stop();

  // The totals up to about a tenth of a second ago.
  [[nodiscard]] Snapshot snapshot();
  // Which thread died, or does not get on; nothing if all is well.
  [[nodiscard]] std::optional<std::string> not_healthy() const;
  // Why it is not capturing all it was told to; nothing if it is.
  [[nodiscard]] std::optional<std::string> not_ready() const;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  enum class LinkState : uint8_t { kAbsent, kDown, kUp };

  // Whether a thread gets on.
  struct Progress {
    uint64_t turns = 0;
    SteadyTime seen;  // when it last made one

    void see(uint64_t turns_now, SteadyTime now);
  };

  struct Reader {
    std::string thread_name;
    std::unique_ptr<SourceReader> reader;
    Progress progress;
  };

  // An interface that is or was captured on. Its place in sources_ is its Segment::source.
  struct Source {
    std::string name;      // empty: the place is free
    bool literal = false;  // named as such, not by a pattern
    LinkState link = LinkState::kAbsent;
    std::vector<Reader> readers;  // one a thread; none while it is not open
    SourceCounts before;          // by readers that ended
    SourceOutcome outcome;
    uint64_t restarts = 0;
    bool was_open = false;
    bool told_no_local_end = false;
    std::chrono::milliseconds back_off{};  // since its last failure to open, 0 after a success
    SteadyTime next_try;
    SteadyTime last_there;

    [[nodiscard]] bool is_open() const { return !readers.empty(); }
    [[nodiscard]] bool ended() const;           // whether any of its readers did
    [[nodiscard]] std::string message() const;  // of the first that ended
    // Everything read is queued, and counts no more change, when it returns.
    void stop();
    [[nodiscard]] SourceCounts counts() const;
    [[nodiscard]] SourceHealth health() const;
  };

  void log(std::string_view kind, LogLevel level, std::string_view text);
  void follow_links();
  void follow_addresses();
  [[nodiscard]] bool take_new_local();  // returns whether it was set since
  void add_source(const std::string& name, bool literal);
  bool close_ended();  // returns whether there were any
  void close_renamed(const std::vector<Link>& links);
  void close(Source& source, std::string_view why);
  void open_closed(bool at_start);
  void open(uint16_t index);
  void forget_vanished();
  void throw_failures() const;
  void see_progress();
  void take_deltas();
  void merge(size_t worker, const ShardDelta& delta);
  void hint_at_local_ends();

  const PipelineConfig config_;
  EventFd wake_;
  GapBoard gaps_;  // outlives the readers and workers, and has a lock of its own
  std::vector<std::regex> patterns_;
  bool told_too_many_ = false;
  LimitedLog log_;
  bool starting_ = true;  // what is asked for at the start is told whole

  // Of the thread that calls poll().
  std::unique_ptr<LinkWatcher> watcher_;
  std::shared_ptr<const NetworkSet> local_;

  // Guards all below, and is held for a moment only. Nobody but the thread that calls poll() adds
  // workers, or changes of a source more than its outcome: that thread may read these without it.
  mutable std::mutex mutex_;
  bool running_ = false;
  std::optional<NetworkSet> local_given_;  // which ends are us; else they are followed
  bool local_is_new_ = false;
  Duration peers_ttl_;
  std::vector<std::unique_ptr<Worker>> workers_;  // outlive the readers that feed them
  std::vector<uint64_t> flows_;                   // by worker
  std::vector<Progress> progress_;                // by worker
  std::vector<Source> sources_;
  std::array<uint64_t, kFlowExpiryName.size()> flows_expired_{};
  std::array<uint64_t, kTrackedName.size()> tracking_refusals_{};
  PeerLedger ledger_;
};

}  // namespace lossgazer
