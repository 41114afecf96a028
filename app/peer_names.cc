#include "app/peer_names.h"

#include <netdb.h>
#include <pthread.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "app/socket_address.h"

namespace lossgazer {
namespace {

// A server that is silent holds up the names of all other peers.
constexpr int kQuerySeconds = 1;
constexpr int kTries = 2;

// Names come from whoever owns the address; DNS lets them hold any byte.
bool is_host_name(const std::string& name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace

std::optional<std::string> reverse_dns(const IpAddress& address) {
  // Of this thread alone, and read anew: whoever changes the times below is not told any more that
  // resolv.conf has changed.
  ::res_init();
  _res.retrans = kQuerySeconds;
  _res.retry = kTries;

  const SocketAddress socket_address(address);
  std::array<char, NI_MAXHOST> name{};
  const int status = ::getnameinfo(socket_address.get(), socket_address.length(), name.data(),
                                   name.size(), nullptr, 0, NI_NAMEREQD);
  if (status == EAI_NONAME) return std::string();
  if (status != 0) return std::nullopt;
  std::string result = name.data();
  if (result.ends_with('.')) result.pop_back();
  return is_host_name(result) ? result : std::string();
}

struct PeerNames::State {
  using Clock = std::chrono::steady_clock;

  struct Entry {
    std::string name;
    Clock::time_point asked;    // for the last time
    Clock::time_point expires;  // when it is to be looked up again
    bool queued = false;
  };

  void run();
  void forget_unasked(Clock::time_point now);

  Resolver resolver;
  PeerNamesLimits limits;
  std::mutex mutex;  // guards all below, and is never held while a name is resolved
  std::condition_variable changed;
  bool stopping = false;
  std::map<IpAddress, Entry> entries;
  std::deque<IpAddress> queue;  // of entries, each once: to be looked up
  Clock::time_point next_forgetting;
};

PeerNames::PeerNames(Resolver resolver, PeerNamesLimits limits, std::function<void()> begins)
    : state_(std::make_shared<State>()) {
  state_->resolver = std::move(resolver);
  state_->limits = limits;
  std::thread([state = state_, begins = std::move(begins)] {
    ::pthread_setname_np(::pthread_self(), "peer-names");
    if (begins) begins();
    state->run();
  }).detach();
}

PeerNames::~PeerNames() {
  const std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
}

std::string PeerNames::name_of(const IpAddress& address) {
  State& state = *state_;
  const auto now = State::Clock::now();
  const std::lock_guard lock(state.mutex);
  auto known = state.entries.find(address);
  if (known == state.entries.end()) {
    if (state.entries.size() >= state.limits.names_max) state.forget_unasked(now);
    if (state.entries.size() >= state.limits.names_max) return {};
    known = state.entries.emplace(address, State::Entry{.name = {}, .asked = now, .expires = now})
                .first;
  }
  State::Entry& entry = known->second;
  entry.asked = now;
  if (entry.expires <= now && !std::exchange(entry.queued, true)) {
    state.queue.push_back(address);
    state.changed.notify_one();
  }
  return entry.name;
}

size_t PeerNames::remembered() const {
  const std::lock_guard lock(state_->mutex);
  return state_->entries.size();
}

void PeerNames::State::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return stopping || !queue.empty(); });
    if (stopping) return;
    const IpAddress address = queue.front();
    queue.pop_front();
    lock.unlock();
    std::optional<std::string> name = resolver(address);
    const auto now = Clock::now();
    lock.lock();
    Entry& entry = entries.at(address);  // what is queued is not forgotten
    entry.queued = false;
    entry.expires = now + (!name           ? limits.keep_no_answer
                           : name->empty() ? limits.keep_no_name
                                           : limits.keep_name);
    // A server that is away takes no name back.
    if (name) entry.name = std::move(*name);
    changed.wait_for(lock, limits.between_queries, [&] { return stopping; });
  }
}

// Looks at all there are, so it does that rarely.
void PeerNames::State::forget_unasked(Clock::time_point now) {
  if (now < next_forgetting) return;
  next_forgetting = now + limits.keep_unasked / 30;
  std::erase_if(entries, [&](const auto& item) {
    return !item.second.queued && now - item.second.asked > limits.keep_unasked;
  });
}

}  // namespace lossgazer
