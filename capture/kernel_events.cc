#include "capture/kernel_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <string>
#include <utility>

#include "analyzer/ip_address.h"
#include "capture/named_thread.h"
#include "capture/retransmit_program.h"

namespace lossgazer {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn(500);
// Between two walks; and they take no more than a twentieth of the time.
constexpr std::chrono::seconds kBetweenWalks(5);
constexpr int kShareOfWalks = 20;

CaptureTime steady_time() {
  return CaptureTime(std::chrono::duration_cast<Duration>(SteadyClock::now().time_since_epoch()));
}

// Any user chooses the names of processes. Labels must be UTF-8; more is not needed of a name.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

std::string process_name(const RetransmitRecord& record) {
  const std::span<const char> name(record.process);
  return printable({name.begin(), std::ranges::find(name, '\0')});
}

}  // namespace

KernelEvents::KernelEvents(KernelEventsConfig config)
    : begins_(std::move(config.begins)),
      log_(std::move(config.log)),
      peers_(std::move(config.peers)),
      ledger_(config.rows_max, config.ttl),
      thread_(named_thread("kernel-events", [this] { run(); })) {}

KernelEvents::~KernelEvents() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void KernelEvents::set_peers(PeerPolicy peers, size_t rows_max, Duration ttl) {
  const std::lock_guard lock(mutex_);
  peers_ = std::move(peers);
  ledger_.set_limits(rows_max, ttl);
}

std::optional<std::vector<RetransmitRow>> KernelEvents::rows() const {
  const std::lock_guard lock(mutex_);
  if (!receives_) return std::nullopt;
  return ledger_.rows();
}

void KernelEvents::run() {
  try {
    receive();
  } catch (const std::exception& error) {
    log_(LogLevel::kWarning, fmt::format("kernel.events: {}; all else goes on", error.what()));
  }
  const std::lock_guard lock(mutex_);
  receives_ = false;
}

void KernelEvents::receive() {
  begins_();
  RetransmitProgram program;
  // Who was there before us.
  program.walk();
  log_(LogLevel::kInfo, "receives the kernel's events");
  auto next_walk = SteadyClock::now() + kBetweenWalks;
  std::unique_lock lock(mutex_);
  receives_ = true;
  while (!changed_.wait_for(lock, kTurn, [this] { return ended_; })) {
    lock.unlock();
    if (const auto began = SteadyClock::now(); program.wants_walk() && began >= next_walk) {
      program.walk();
      const auto ended = SteadyClock::now();
      next_walk =
          ended + std::max<SteadyClock::duration>(kBetweenWalks, kShareOfWalks * (ended - began));
    }
    count(program);
    lock.lock();
  }
}

void KernelEvents::count(RetransmitProgram& program) {
  struct Event {
    IpAddress peer;
    RetransmitKey key;
    uint64_t segments;
  };
  std::vector<Event> events;
  for (const auto& [record, segments] : program.take()) {
    events.push_back({IpAddress::v6(record.peer),
                      {.state = tcp_state_name(record.state),
                       .process = process_name(record),
                       .cgroup = printable(program.cgroup_path(record.cgroup))},
                      segments});
  }
  const uint64_t missed = program.take_missed();

  const CaptureTime now = steady_time();
  const std::lock_guard lock(mutex_);
  for (Event& event : events) {
    const auto peer = peers_.peer_of(event.peer);
    if (!peer) continue;
    event.key.peer = *peer;
    ledger_.add(event.key, event.segments, now);
  }
  if (missed != 0) ledger_.add({.peer = {.kind = PeerKey::Kind::kOther}}, missed, now);
  ledger_.expire(now);
}

}  // namespace lossgazer
