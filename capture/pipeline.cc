#include "capture/pipeline.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <utility>

namespace lossgazer {
namespace {

using std::chrono::steady_clock;

// What its lines are about, for the bound on each: links come and go as pods do, and packets of
// strangers as anyone likes.
constexpr std::string_view kLinkLog = "interfaces that come and go";
constexpr std::string_view kAddressLog = "addresses that come and go";
constexpr std::string_view kStrangerLog = "interfaces without packets of ours";
constexpr size_t kSourcesMax = 1024;
constexpr auto kFirstBackOff = std::chrono::milliseconds(250);
constexpr auto kLongestBackOff = std::chrono::milliseconds(10'000);
// A few strangers are seen on any network; this many and nobody else are a mirror port.
constexpr uint64_t kPacketsBeforeHint = 10;

// Peers idle by the monotonic clock: the wall clock may jump.
CaptureTime ledger_time() {
  return CaptureTime(std::chrono::duration_cast<Duration>(steady_clock::now().time_since_epoch()));
}

const Link* find_link(const std::vector<Link>& links, std::string_view name) {
  const auto found =
      std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.name == name; });
  return found == links.end() ? nullptr : &*found;
}

// Threads, as `top -H` shows the first 15 characters of them.
std::string worker_name(size_t index) { return fmt::format("worker-{}", index); }
std::string reader_name(std::string_view interface, size_t thread) {
  return thread == 0 ? fmt::format("capture-{}", interface)
                     : fmt::format("capture{}-{}", thread, interface);
}

[[noreturn]] void fail(std::string_view thread, const std::exception_ptr& failure) {
  const auto died = [&](std::string_view of) {
    return std::runtime_error(fmt::format("the thread {} died: {}", thread, of));
  };
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    throw died(error.what());
  } catch (...) {
    throw died("of something that is no std::exception");
  }
}

}  // namespace

bool Pipeline::Source::ended() const {
  return std::any_of(readers.begin(), readers.end(),
                     [](const Reader& each) { return each.reader->ended(); });
}

std::string Pipeline::Source::message() const {
  for (const Reader& each : readers) {
    if (each.reader->ended()) return each.reader->message();
  }
  return {};
}

void Pipeline::Source::stop() {
  for (const Reader& each : readers) each.reader->stop();
}

SourceCounts Pipeline::Source::counts() const {
  SourceCounts now;
  for (const Reader& each : readers) now.join(each.reader->counts());
  SourceCounts sum = before;
  sum += now;
  return sum;
}

SourceHealth Pipeline::Source::health() const {
  const SourceCounts sum = counts();
  SourceHealth health;
  health.name = name;
  health.packets = sum.packets;
  health.judged = outcome.judged;
  health.ignored = outcome.ignored;
  health.dropped = {sum.interface_drops, sum.kernel_drops, sum.queue_drops,
                    outcome.flow_table_drops};
  health.unparsed = sum.unparsed;
  health.up = is_open() && !ended() && link == LinkState::kUp;
  health.restarts = restarts;
  health.last_packet = sum.last_packet;
  for (const Reader& each : readers) health.buffer_bytes += each.reader->buffer_bytes();
  return health;
}

Pipeline::Pipeline(PipelineConfig config)
    : config_(std::move(config)),
      log_(config_.log),
      local_given_(config_.local),
      peers_ttl_(config_.peers_ttl),
      ledger_(config_.peers_max, config_.peers_ttl) {}

void Pipeline::start() {
  watcher_ = std::make_unique<LinkWatcher>();
  follow_addresses();
  if (config_.interfaces.empty()) add_source(default_interface(), true);
  for (const std::string& name : config_.interfaces) {
    if (auto pattern = interface_pattern(name)) {
      patterns_.push_back(std::move(*pattern));
    } else if (name != kNoInterface) {
      add_source(name, true);
    }
  }
  {
    const std::lock_guard lock(mutex_);
    const bool none = sources_.empty() && patterns_.empty();
    const size_t count = none ? 0 : std::max<size_t>(config_.workers, 1);
    for (size_t i = 0; i < count; ++i) {
      ShardConfig shard;
      shard.flows_max = std::max<size_t>(config_.flows_max / count, 1);
      shard.flows_idle = config_.flows_idle;
      shard.ticked = true;
      shard.peers_max = std::max(shard.peers_max, 4 * config_.peers_max);
      shard.secret = config_.secret;
      shard.peers = config_.peers;
      shard.rtt_buckets = config_.rtt_buckets;
      shard.local = local_;
      workers_.push_back(
          std::make_unique<Worker>(std::move(shard), worker_name(i), &gaps_, config_.worker_begins,
                                   config_.verdicts ? config_.verdicts(i) : VerdictSink()));
    }
    flows_.resize(count);
    progress_.assign(count, {.seen = steady_clock::now()});
    running_ = true;
  }
  follow_links();
  open_closed(true);
  starting_ = false;
}

void Pipeline::poll(std::chrono::milliseconds timeout) {
  std::array<pollfd, 2> waited_for = {
      pollfd{.fd = watcher_->fd(), .events = POLLIN, .revents = 0},
      pollfd{.fd = wake_.fd(), .events = POLLIN, .revents = 0},
  };
  ::poll(waited_for.data(), waited_for.size(), static_cast<int>(timeout.count()));
  wake_.clear();
  throw_failures();
  see_progress();
  const bool closed = close_ended();
  const bool changed = watcher_->changed() || closed;
  if (take_new_local() || changed) follow_addresses();
  if (changed) follow_links();
  open_closed(false);
  forget_vanished();
  {
    const std::lock_guard lock(mutex_);
    take_deltas();
    ledger_.expire(ledger_time());
  }
  hint_at_local_ends();
  log_.settle(steady_clock::now());
}

void Pipeline::stop() {
  if (!running_) return;
  for (Source& source : sources_) source.stop();
  {
    const std::lock_guard lock(mutex_);
    for (Source& source : sources_) {
      source.before = source.counts();
      source.readers.clear();
    }
  }
  for (const auto& worker : workers_) worker->request_stop();
  for (size_t i = 0; i < workers_.size(); ++i) {
    const ShardDelta last = workers_[i]->stop();
    const std::lock_guard lock(mutex_);
    if (const auto delta = workers_[i]->take_delta()) merge(i, *delta);
    merge(i, last);
  }
  const std::lock_guard lock(mutex_);
  running_ = false;
}

Snapshot Pipeline::snapshot() {
  const std::lock_guard lock(mutex_);
  // Before the sources' counts, so that no more frames are judged than were captured.
  take_deltas();
  Snapshot snapshot;
  snapshot.peers = ledger_.rows();
  snapshot.departed = ledger_.departed();
  snapshot.rtt_buckets = config_.rtt_buckets;
  CaptureHealth& health = snapshot.health;
  for (const Source& source : sources_) {
    if (!source.name.empty()) health.sources.push_back(source.health());
  }
  for (const auto& worker : workers_) health.workers.push_back(worker->health());
  health.queue_limit = ShardQueue::kLimit;
  for (const uint64_t flows : flows_) health.flows += flows;
  health.flow_limit = config_.flows_max;
  health.flows_expired = flows_expired_;
  health.tracking_refusals = tracking_refusals_;
  health.peers = ledger_.peers();
  health.peer_limit = ledger_.peers_max();
  health.peers_expired = ledger_.expired();
  health.flow_sample = config_.live.sample.one_in;
  return snapshot;
}

void Pipeline::set_peers(const PeerPolicy& peers, size_t peers_max, Duration peers_ttl) {
  const std::lock_guard lock(mutex_);
  peers_ttl_ = peers_ttl;
  ledger_.set_limits(peers_max, peers_ttl, ledger_time());
  for (const auto& worker : workers_) worker->set_peers(peers);
}

void Pipeline::set_local(std::optional<NetworkSet> local) {
  {
    const std::lock_guard lock(mutex_);
    local_given_ = std::move(local);
    local_is_new_ = true;
  }
  wake();
}

void Pipeline::set_flows_idle(Duration idle) {
  const std::lock_guard lock(mutex_);
  for (const auto& worker : workers_) worker->set_flows_idle(idle);
}

std::optional<std::string> Pipeline::not_healthy() const {
  const auto now = steady_clock::now();
  const auto fault = [&](const auto& thread, bool ended, const Progress& progress) {
    if (thread.failure() != nullptr) return std::string_view("has died");
    return std::string_view(!ended && now - progress.seen > config_.stuck_after ? "does not get on"
                                                                                : "");
  };
  const std::lock_guard lock(mutex_);
  if (!running_) return std::nullopt;
  for (size_t i = 0; i < workers_.size(); ++i) {
    const std::string_view what = fault(*workers_[i], false, progress_[i]);
    if (!what.empty()) return fmt::format("the thread {} {}", worker_name(i), what);
  }
  for (const Source& source : sources_) {
    for (const Reader& each : source.readers) {
      const std::string_view what = fault(*each.reader, each.reader->ended(), each.progress);
      if (!what.empty()) return fmt::format("the thread {} {}", each.thread_name, what);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Pipeline::not_ready() const {
  const std::lock_guard lock(mutex_);
  if (!running_) return "capture is not running";
  bool capturing = patterns_.empty();
  for (const Source& source : sources_) {
    const bool open = source.is_open() && !source.ended();
    if (source.literal && !open)
      return fmt::format("interface {} is not there or not up", source.name);
    capturing = capturing || open;
  }
  if (!capturing) return "no interface matches the pattern yet";
  return std::nullopt;
}

void Pipeline::log(std::string_view kind, LogLevel level, std::string_view text) {
  if (starting_) {
    if (config_.log) config_.log(level, text);
    return;
  }
  log_.write(kind, level, text, steady_clock::now());
}

void Pipeline::follow_links() {
  const std::vector<Link> links = list_links();
  for (const Link& link : links) {
    const bool wanted =
        link.up && std::any_of(patterns_.begin(), patterns_.end(), [&](const std::regex& pattern) {
          return std::regex_search(link.name, pattern);
        });
    if (wanted) add_source(link.name, false);
  }
  close_renamed(links);
  const std::lock_guard lock(mutex_);
  for (Source& source : sources_) {
    const Link* link = find_link(links, source.name);
    const bool up = source.name == kAnyInterface || (link != nullptr && link->up);
    source.link = up ? LinkState::kUp : link != nullptr ? LinkState::kDown : LinkState::kAbsent;
    source.next_try = steady_clock::now();  // what kept it from opening may be over
  }
}

void Pipeline::follow_addresses() {
  std::optional<NetworkSet> given;
  {
    const std::lock_guard lock(mutex_);
    given = local_given_;
  }
  auto local = std::make_shared<const NetworkSet>(given ? std::move(*given) : local_networks());
  if (local_ && *local == *local_) return;
  if (local_) {
    log(kAddressLog, LogLevel::kDebug, "our addresses changed; new flows go by the new ones");
  }
  local_ = std::move(local);
  for (const auto& worker : workers_) worker->set_local(local_);
}

bool Pipeline::take_new_local() {
  const std::lock_guard lock(mutex_);
  return std::exchange(local_is_new_, false);
}

void Pipeline::add_source(const std::string& name, bool literal) {
  const auto place_of = [&](std::string_view wanted) {
    return std::find_if(sources_.begin(), sources_.end(),
                        [&](const Source& source) { return source.name == wanted; });
  };
  if (place_of(name) != sources_.end()) return;
  auto place = place_of("");
  if (place == sources_.end() && sources_.size() == kSourcesMax) {
    if (std::exchange(told_too_many_, true)) return;
    return log(kLinkLog, LogLevel::kWarning,
               fmt::format("interface {}: not captured, nor are more: {} interfaces are the most; "
                           "make the pattern narrower",
                           name, kSourcesMax));
  }
  if (config_.source_named) {
    config_.source_named(static_cast<uint16_t>(place - sources_.begin()), name);
  }
  const std::lock_guard lock(mutex_);
  if (place == sources_.end()) place = sources_.emplace(place);
  place->name = name;
  place->literal = literal;
  place->last_there = steady_clock::now();
}

bool Pipeline::close_ended() {
  bool closed = false;
  for (Source& source : sources_) {
    if (!source.ended()) continue;
    closed = true;
    source.stop();
    close(source, source.message());
  }
  return closed;
}

// A capture stays with its link whatever that is called, but what was asked for is a name.
void Pipeline::close_renamed(const std::vector<Link>& links) {
  for (Source& source : sources_) {
    if (!source.is_open()) continue;
    const uint32_t ifindex = source.readers.front().reader->ifindex();
    const auto link = std::find_if(links.begin(), links.end(),
                                   [&](const Link& each) { return each.index == ifindex; });
    if (link == links.end() || link->name == source.name) continue;
    source.stop();
    close(source, fmt::format("it is called {} now", link->name));
  }
}

void Pipeline::close(Source& source, std::string_view why) {
  log(kLinkLog, LogLevel::kWarning,
      fmt::format("interface {}: {}; capture resumes when it is back", source.name, why));
  std::vector<Reader> ended;
  const std::lock_guard lock(mutex_);
  source.before = source.counts();
  ended = std::exchange(source.readers, {});
}

void Pipeline::open_closed(bool at_start) {
  for (size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    if (source.name.empty() || source.is_open()) continue;
    if (at_start && source.link == LinkState::kDown) {
      log(kLinkLog, LogLevel::kWarning,
          fmt::format("interface {} is not up; capture begins when it is", source.name));
    }
    // At the start an absent one is tried for the error it gives.
    const bool due = source.link == LinkState::kUp ? steady_clock::now() >= source.next_try
                                                   : at_start && source.link == LinkState::kAbsent;
    if (!due) continue;
    try {
      open(static_cast<uint16_t>(i));
    } catch (const std::runtime_error& error) {
      if (at_start && source.literal) throw;
      if (source.back_off == source.back_off.zero()) {
        log(kLinkLog, LogLevel::kWarning, error.what());
      }
      source.back_off = std::clamp(2 * source.back_off, kFirstBackOff, kLongestBackOff);
      source.next_try = steady_clock::now() + source.back_off;
    }
  }
}

void Pipeline::open(uint16_t index) {
  Source& source = sources_[index];
  LiveConfig live = config_.live;
  live.interface = source.name;
  SourceReaderConfig config;
  config.source = index;
  for (const auto& worker : workers_) config.queues.push_back(&worker->queue());
  config.board = &gaps_;
  config.secret = config_.secret;
  config.sample = live.sample;
  config.begins = config_.reader_begins;
  std::vector<Reader> readers;
  uint64_t buffer = 0;
  for (PcapSource& opened : config_.open(live)) {
    config.thread = readers.size();
    config.name = reader_name(source.name, config.thread);
    readers.push_back({config.name,
                       std::make_unique<SourceReader>(std::move(opened), config),
                       {.seen = steady_clock::now()}});
    buffer += readers.back().reader->buffer_bytes();
  }
  {
    const std::lock_guard lock(mutex_);
    source.readers = std::move(readers);
    source.back_off = {};
    if (std::exchange(source.was_open, true)) ++source.restarts;
  }
  log(kLinkLog, LogLevel::kInfo,
      fmt::format("capturing on {}, with a ring of {} bytes", source.name, buffer));
}

void Pipeline::forget_vanished() {
  const auto now = steady_clock::now();
  Duration peers_ttl{};
  {
    const std::lock_guard lock(mutex_);
    peers_ttl = peers_ttl_;
  }
  for (Source& source : sources_) {
    if (source.literal || source.is_open() || source.link == LinkState::kUp) {
      source.last_there = now;
    } else if (!source.name.empty() && now - source.last_there > peers_ttl) {
      const std::lock_guard lock(mutex_);
      source = {};
    }
  }
}

void Pipeline::throw_failures() const {
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (const auto failure = workers_[i]->failure()) fail(worker_name(i), failure);
  }
  for (const Source& source : sources_) {
    for (const Reader& each : source.readers) {
      if (const auto failure = each.reader->failure()) fail(each.thread_name, failure);
    }
  }
}

void Pipeline::Progress::see(uint64_t turns_now, SteadyTime now) {
  if (std::exchange(turns, turns_now) != turns_now) seen = now;
}

void Pipeline::see_progress() {
  const auto now = steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < workers_.size(); ++i) progress_[i].see(workers_[i]->turns(), now);
  for (Source& source : sources_) {
    for (Reader& each : source.readers) each.progress.see(each.reader->turns(), now);
  }
}

void Pipeline::take_deltas() {
  for (size_t i = 0; i < workers_.size(); ++i) {
    if (const auto delta = workers_[i]->take_delta()) merge(i, *delta);
  }
}

void Pipeline::merge(size_t worker, const ShardDelta& delta) {
  ledger_.add(delta.peers, ledger_time());
  flows_[worker] = delta.flows;
  for (size_t i = 0; i < delta.flows_expired.size(); ++i) {
    flows_expired_[i] += delta.flows_expired[i];
  }
  for (size_t i = 0; i < delta.refusals.size(); ++i) tracking_refusals_[i] += delta.refusals[i];
  const size_t known = std::min(delta.outcomes.size(), sources_.size());
  for (size_t i = 0; i < known; ++i) {
    const SourceOutcome& from = delta.outcomes[i];
    SourceOutcome& to = sources_[i].outcome;
    to.judged += from.judged;
    for (size_t reason = 0; reason < from.ignored.size(); ++reason) {
      to.ignored[reason] += from.ignored[reason];
    }
    to.flow_table_drops += from.flow_table_drops;
  }
}

void Pipeline::hint_at_local_ends() {
  for (Source& source : sources_) {
    {
      const std::lock_guard lock(mutex_);
      const uint64_t strangers =
          source.outcome.ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)];
      if (source.told_no_local_end || source.outcome.judged > 0 || strangers < kPacketsBeforeHint) {
        continue;
      }
      source.told_no_local_end = true;
    }
    log(kStrangerLog, LogLevel::kWarning,
        fmt::format("interface {}: no packet has an end that is ours; say which networks are with "
                    "--local CIDR",
                    source.name));
  }
}

}  // namespace lossgazer
