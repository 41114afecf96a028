// Checks passwords in a thread of its own, one at a time: bcrypt is slow on purpose, and must hold
// up no scrape.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "metrics/basic_auth.h"

namespace lossgazer {

// Any thread may call it.
class PasswordQueue {
 public:
  // With whether the login is right; nothing if it could not be checked, or the queue ended.
  using Done = std::function<void(std::optional<bool>)>;

  PasswordQueue();
  ~PasswordQueue();
  PasswordQueue(const PasswordQueue&) = delete;
  PasswordQueue& operator=(const PasswordQueue&) = delete;

  // `done` is called later, by the queue's thread. False, and never called, if too many wait
  // already or the queue has ended.
  [[nodiscard]] bool submit(std::shared_ptr<BasicAuth> auth, Login login, Done done);
  // Waits for the check that runs; what waits is done unchecked. May be called twice.
  void end();

 private:
  struct Check {
    std::shared_ptr<BasicAuth> auth;
    Login login;
    Done done;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Check> waiting_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace lossgazer
