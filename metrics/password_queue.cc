#include "metrics/password_queue.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace lossgazer {
namespace {

// At bcrypt's usual cost, what waits is checked within two seconds.
constexpr size_t kWaitingMax = 32;

std::optional<bool> outcome(BasicAuth& auth, const Login& login) {
  try {
    // Many clients may have asked with the same login: the first has paid for all.
    return auth.remembers(login) || auth.check(login);
  } catch (...) {
    return std::nullopt;  // memory is short
  }
}

}  // namespace

struct PasswordQueue::State {
  struct Check {
    std::shared_ptr<BasicAuth> auth;
    Login login;
    Done done;
  };

  void run();

  std::mutex mutex;  // guards all below
  std::condition_variable changed;
  std::deque<Check> waiting;
  Done running;          // of the check that runs; null once somebody has taken it to call it
  bool calling = false;  // the thread calls one
  bool ended = false;
};

PasswordQueue::PasswordQueue() : state_(std::make_shared<State>()) {
  std::thread([state = state_] {
    ::pthread_setname_np(::pthread_self(), "web-passwords");
    state->run();
  }).detach();
}

PasswordQueue::~PasswordQueue() { end(); }

bool PasswordQueue::submit(std::shared_ptr<BasicAuth> auth, Login login, Done done) {
  const std::lock_guard lock(state_->mutex);
  if (state_->ended || state_->waiting.size() >= kWaitingMax) return false;
  state_->waiting.push_back({std::move(auth), std::move(login), std::move(done)});
  state_->changed.notify_all();
  return true;
}

void PasswordQueue::end() {
  std::vector<Done> unchecked;
  {
    std::unique_lock lock(state_->mutex);
    state_->ended = true;
    for (State::Check& check : state_->waiting) unchecked.push_back(std::move(check.done));
    state_->waiting.clear();
    if (Done running = std::exchange(state_->running, nullptr)) {
      unchecked.push_back(std::move(running));
    }
    state_->changed.notify_all();
    state_->changed.wait(lock, [this] { return !state_->calling; });
  }
  for (const Done& done : unchecked) done(std::nullopt);
}

void PasswordQueue::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ended || !waiting.empty(); });
    if (ended) return;
    const Check check = std::move(waiting.front());
    waiting.pop_front();
    running = check.done;
    lock.unlock();
    const std::optional<bool> right = outcome(*check.auth, check.login);
    lock.lock();
    const Done done = std::exchange(running, nullptr);
    if (!done) return;  // the queue ended meanwhile
    calling = true;
    lock.unlock();
    done(right);
    lock.lock();
    calling = false;
    changed.notify_all();
  }
}

}  // namespace lossgazer
