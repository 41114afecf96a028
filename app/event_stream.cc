#include "app/event_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "app/event_receiver.h"
#include "capture/bounded_queue.h"
#include "capture/named_thread.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

using EventQueue = BoundedQueue<Verdict, EventStream::kLimit>;

constexpr size_t kBatch = 64;
constexpr milliseconds kTurn(100);   // how long it waits at most before it looks about
constexpr milliseconds kPacing(10);  // and if it is ahead of its rate
constexpr milliseconds kLastWords(500);
constexpr std::chrono::seconds kBetweenDropLines(10);
// What its lines are about, for the bound on each.
constexpr std::string_view kReceiverLog = "the receiver of events";
constexpr std::string_view kDropLog = "events dropped";

}  // namespace

struct EventStream::State {
  // A worker's way in.
  struct Lane {
    explicit Lane(State& of) : state(of), producer(of.queue) {}
    void take(const Verdict& verdict);

    State& state;
    EventQueue::Producer producer;
    std::shared_ptr<const EventFilter> filter;
    uint64_t filter_version = 0;
    std::array<std::atomic<uint64_t>, kEventDropName.size()> dropped{};  // by EventDrop
  };

  explicit State(EventStreamConfig from)
      : config(std::move(from)),
        names(config.names),
        rate(config.rate),
        receiver(config.to),
        log(config.log),
        filter(std::make_shared<const EventFilter>(config.filter)) {
    for (size_t i = 0; i < config.workers; ++i) lanes.push_back(std::make_unique<Lane>(*this));
  }

  void run();
  void reconnect();
  void stay_away(const std::string& why);
  void lose(const std::string& why);
  void say(std::string_view kind, LogLevel level, const std::string& line);
  void fill();
  void flush();
  void append(const Verdict& verdict);
  void tell_drops();
  void drop_rest();
  void end();
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] EventHealth health() const;

  const EventStreamConfig config;
  EventQueue queue;  // outlives the lanes
  std::vector<std::unique_ptr<Lane>> lanes;
  std::atomic<EventNames> names;
  // Whom a full queue waits for: said by the thread, read by workers that find no room.
  std::atomic<EventDrop> held_up_by{EventDrop::kReceiver};
  std::atomic<bool> up{false};
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> unsent{0};  // dropped after they were taken from the queue
  std::atomic<uint64_t> taken{0};   // from the queue
  std::atomic<bool> finishing{false};
  std::atomic<uint64_t> filter_version{1};

  // The thread's own.
  RateLimit rate;
  EventReceiver receiver;
  LimitedLog log;
  std::array<Verdict, kBatch> batch{};
  size_t next = 0;  // of the batch: those before are lines
  size_t count = 0;
  std::string text;  // lines, of which some bytes are written
  size_t written = 0;
  bool told_away = false;  // since it was last there
  milliseconds back_off{0};
  steady_clock::time_point next_try;
  steady_clock::time_point connected;
  uint64_t told_dropped = 0;
  steady_clock::time_point drops_told;
  // When it ends whatever waits: set before `finishing`.
  steady_clock::time_point last_words;

  mutable std::mutex mutex;  // guards all below, and is held for a moment only
  std::shared_ptr<const EventFilter> filter;
  std::vector<std::string> interfaces;  // by Verdict::source
  bool ended = false;
  std::condition_variable ended_changed;
};

void EventStream::State::Lane::take(const Verdict& verdict) {
  const uint64_t version = state.filter_version.load(std::memory_order_acquire);
  if (version != filter_version) {
    const std::lock_guard lock(state.mutex);
    filter = state.filter;
    filter_version = version;
  }
  if (!filter->passes(verdict)) return;
  if (producer.try_push(std::span(&verdict, 1))) return;
  const auto why = static_cast<size_t>(state.held_up_by.load(std::memory_order_relaxed));
  dropped[why].fetch_add(1, std::memory_order_relaxed);
}

void EventStream::State::run() {
  // Who reads standard output may go away.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
  if (config.begins) config.begins();
  while (!is_over()) {
    tell_drops();
    log.settle(steady_clock::now());
    if (!receiver.is_open()) {
      reconnect();
    } else if (text.empty()) {
      fill();
    } else {
      flush();
    }
  }
  drop_rest();
  end();
}

bool EventStream::State::is_over() const {
  if (!finishing) return false;
  const bool empty = text.empty() && next == count && queue.size_approx() == 0;
  return empty || !receiver.is_open() || steady_clock::now() > last_words;
}

void EventStream::State::reconnect() {
  held_up_by = EventDrop::kReceiver;
  if (steady_clock::now() < next_try) {
    std::this_thread::sleep_for(
        std::min<steady_clock::duration>(kTurn, next_try - steady_clock::now()));
    return;
  }
  const auto why = receiver.open([this] { return finishing.load(); });
  if (why) return stay_away(*why);
  say(kReceiverLog, LogLevel::kInfo, fmt::format("events go to {}", config.to.to_string()));
  told_away = false;
  connected = steady_clock::now();
  up = true;
}

void EventStream::State::stay_away(const std::string& why) {
  back_off = std::clamp(2 * back_off, config.first_back_off, config.longest_back_off);
  next_try = steady_clock::now() + back_off;
  if (std::exchange(told_away, true)) return;
  say(kReceiverLog, LogLevel::kWarning,
      fmt::format("events to {}: {}; it is tried again, and up to {} of them wait meanwhile",
                  config.to.to_string(), why, kLimit));
}

// One that comes and goes is not connected to over and over: only who stayed is trusted again.
void EventStream::State::lose(const std::string& why) {
  receiver.close();
  up = false;
  if (steady_clock::now() - connected > config.longest_back_off) back_off = {};
  stay_away(why);
  if (written == 0) return;
  // The next one begins with a whole line.
  const bool cut = text[written - 1] != '\n';
  if (cut) ++unsent;
  text.erase(0, cut ? text.find('\n', written) + 1 : written);
  written = 0;
}

// Not once it ends: who is left behind may outlive the log.
void EventStream::State::say(std::string_view kind, LogLevel level, const std::string& line) {
  if (!finishing) log.write(kind, level, line, steady_clock::now());
}

// Makes lines, as many as the rate allows, of what is queued.
void EventStream::State::fill() {
  if (next == count) {
    next = 0;
    count = queue.pop(batch, kTurn);
    taken += count;
    if (count == 0) {  // an idle one is looked at, too
      if (const auto why = receiver.gone(milliseconds(0))) lose(*why);
      return;
    }
  }
  while (next < count && (finishing || rate.admit(steady_clock::now()))) append(batch[next++]);
  held_up_by = next < count ? EventDrop::kRate : EventDrop::kReceiver;
  if (text.empty()) std::this_thread::sleep_for(kPacing);
}

void EventStream::State::append(const Verdict& verdict) {
  std::string interface;
  {
    const std::lock_guard lock(mutex);
    if (verdict.source < interfaces.size()) interface = interfaces[verdict.source];
  }
  text += event_line(verdict, names, {.interface = interface});
}

void EventStream::State::flush() {
  if (const auto why = receiver.gone(kTurn)) return lose(*why);
  const EventReceiver::Written more = receiver.write(std::string_view(text).substr(written));
  const auto begin = text.begin() + static_cast<std::ptrdiff_t>(written);
  sent += static_cast<uint64_t>(
      std::count(begin, begin + static_cast<std::ptrdiff_t>(more.bytes), '\n'));
  written += more.bytes;
  if (more.failure) return lose(*more.failure);
  if (more.bytes == 0) held_up_by = EventDrop::kReceiver;
  if (written < text.size()) return;
  text.clear();
  written = 0;
}

void EventStream::State::tell_drops() {
  const auto now = steady_clock::now();
  if (now - drops_told < kBetweenDropLines) return;
  const EventHealth is = health();
  const uint64_t dropped = is.dropped[0] + is.dropped[1];
  if (dropped == told_dropped) return;
  drops_told = now;
  say(kDropLog, LogLevel::kWarning,
      fmt::format("{} events were dropped: too many came, or they could not be sent",
                  dropped - std::exchange(told_dropped, dropped)));
}

void EventStream::State::drop_rest() {
  uint64_t lines = static_cast<uint64_t>(
      std::count(text.begin() + static_cast<std::ptrdiff_t>(written), text.end(), '\n'));
  lines += count - next;
  next = count = 0;
  text.clear();
  while (const size_t more = queue.pop(batch, milliseconds(0))) {
    taken += more;
    lines += more;
  }
  unsent += lines;
  receiver.close();
  up = false;
}

void EventStream::State::end() {
  const std::lock_guard lock(mutex);
  ended = true;
  ended_changed.notify_all();
}

EventHealth EventStream::State::health() const {
  EventHealth result;
  // In this order, what moves on meanwhile may be missed, but is not counted twice.
  result.sent = sent;
  const uint64_t dropped_late = unsent;
  result.queued = taken - result.sent - dropped_late;
  result.queued += queue.size_approx();
  result.dropped[static_cast<size_t>(EventDrop::kReceiver)] = dropped_late;
  for (const auto& lane : lanes) {
    for (size_t i = 0; i < result.dropped.size(); ++i) result.dropped[i] += lane->dropped[i];
  }
  result.receiver_up = up;
  return result;
}

EventStream::EventStream(EventStreamConfig config)
    : state_(std::make_shared<State>(std::move(config))) {
  named_thread("events", [state = state_] { state->run(); }).detach();
}

EventStream::~EventStream() { finish(); }

VerdictSink EventStream::sink(size_t worker) {
  return [lane = state_->lanes.at(worker).get()](const Verdict& verdict) { lane->take(verdict); };
}

void EventStream::name_source(uint16_t source, const std::string& interface) {
  const std::lock_guard lock(state_->mutex);
  if (state_->interfaces.size() <= source) state_->interfaces.resize(source + size_t{1});
  state_->interfaces[source] = interface;
}

void EventStream::set_filter(EventFilter filter) {
  const std::lock_guard lock(state_->mutex);
  state_->filter = std::make_shared<const EventFilter>(std::move(filter));
  ++state_->filter_version;
}

void EventStream::set_names(EventNames names) { state_->names = names; }

EventHealth EventStream::health() const { return state_->health(); }

void EventStream::finish() {
  std::unique_lock lock(state_->mutex);
  if (state_->finishing) return;
  state_->last_words = steady_clock::now() + kLastWords;
  state_->finishing = true;
  state_->ended_changed.wait_for(lock, 2 * kLastWords, [this] { return state_->ended; });
}

}  // namespace lossgazer
