// Runs a test's body in a network namespace of its own, so that it may make interfaces and send
// what it likes. Never touches the namespace the tests were started in.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace lossgazer::test {

// Calls `body` in a new thread in a new namespace whose loopback is up, and waits for it. Threads
// that `body` starts live there too; the namespace ends with the last of them. Returns false, and
// does nothing, without the privilege.
[[nodiscard]] bool in_new_namespace(const std::function<void()>& body);

// Runs `ip ARGUMENTS` in the calling thread's namespace. Throws std::runtime_error if it fails.
void ip(const std::string& arguments);

// Sends frames out of an interface as they are.
class FrameInjector {
 public:
  // Throws std::system_error.
  explicit FrameInjector(const std::string& interface);
  ~FrameInjector();
  FrameInjector(const FrameInjector&) = delete;
  FrameInjector& operator=(const FrameInjector&) = delete;

  void send(std::span<const std::byte> frame) const;

 private:
  int fd_;
};

}  // namespace lossgazer::test
