#include "metrics/password_queue.h"

#include <utility>

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

PasswordQueue::PasswordQueue() : thread_([this] { run(); }) {}

PasswordQueue::~PasswordQueue() { end(); }

bool PasswordQueue::submit(std::shared_ptr<BasicAuth> auth, Login login, Done done) {
  const std::lock_guard lock(mutex_);
  if (ended_ || waiting_.size() >= kWaitingMax) return false;
  waiting_.push_back({std::move(auth), std::move(login), std::move(done)});
  changed_.notify_one();
  return true;
}

void PasswordQueue::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void PasswordQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Check check = std::move(waiting_.front());
    waiting_.pop_front();
    const bool ended = ended_;
    lock.unlock();
    check.done(ended ? std::nullopt : outcome(*check.auth, check.login));
    lock.lock();
  }
}

}  // namespace lossgazer
