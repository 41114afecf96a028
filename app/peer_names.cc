#include "app/peer_names.h"

#include <netdb.h>
#include <pthread.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <utility>

#include "app/socket_address.h"

namespace lossgazer {
namespace {

// So that whoever ends the program does not wait long for a server that is silent.
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

PeerNames::PeerNames(Resolver resolver, PeerNamesLimits limits)
    : resolver_(std::move(resolver)), limits_(limits), thread_(&PeerNames::run, this) {
  ::pthread_setname_np(thread_.native_handle(), "peer-names");
}

PeerNames::~PeerNames() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::string PeerNames::name_of(const IpAddress& address) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  auto known = entries_.find(address);
  if (known == entries_.end()) {
    if (entries_.size() >= limits_.names_max) forget_unasked(now);
    if (entries_.size() >= limits_.names_max) return {};
    known = entries_.emplace(address, Entry{.name = {}, .asked = now, .expires = now}).first;
  }
  Entry& entry = known->second;
  entry.asked = now;
  if (entry.expires <= now && !std::exchange(entry.queued, true)) {
    queue_.push_back(address);
    changed_.notify_one();
  }
  return entry.name;
}

size_t PeerNames::remembered() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void PeerNames::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const IpAddress address = queue_.front();
    queue_.pop_front();
    lock.unlock();
    std::optional<std::string> name = resolver_(address);
    const auto now = Clock::now();
    lock.lock();
    Entry& entry = entries_.at(address);  // what is queued is not forgotten
    entry.queued = false;
    entry.expires = now + (!name           ? limits_.keep_no_answer
                           : name->empty() ? limits_.keep_no_name
                                           : limits_.keep_name);
    // A server that is away takes no name back.
    if (name) entry.name = std::move(*name);
    changed_.wait_for(lock, limits_.between_queries, [&] { return stopping_; });
  }
}

// Looks at all there are, so it does that rarely.
void PeerNames::forget_unasked(Clock::time_point now) {
  if (now < next_forgetting_) return;
  next_forgetting_ = now + limits_.keep_unasked / 30;
  std::erase_if(entries_, [&](const auto& item) {
    return !item.second.queued && now - item.second.asked > limits_.keep_unasked;
  });
}

}  // namespace lossgazer
