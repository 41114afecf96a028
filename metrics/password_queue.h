// Checks passwords in a thread of its own, one at a time: bcrypt is slow on purpose, and must hold
// up no scrape.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

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
  // What waits is done unchecked, and so is the check that runs, which nobody waits for: how long a
  // password takes is up to whoever configured it. Afterwards no `done` is called any more. May be
  // called twice.
  void end();

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too, which may outlive this for one check
};

}  // namespace lossgazer
