#include "app/service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace lossgazer {
namespace {

using std::chrono::microseconds;

std::string_view from_environment(const char* name) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return text != nullptr ? text : "";
}

uint64_t number_from_environment(const char* name) {
  const std::string_view text = from_environment(name);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

ServiceManager::ServiceManager() {
  const std::string_view path = from_environment("NOTIFY_SOCKET");
  if (path.empty() || path.size() >= sizeof address_.sun_path) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, path.data(), path.size());
  if (path.front() == '@') address_.sun_path[0] = '\0';  // Linux's abstract names
  address_length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const uint64_t whose = number_from_environment("WATCHDOG_PID");
  if (whose == 0 || whose == static_cast<uint64_t>(getpid())) {
    // Twice within the time that is allowed.
    watchdog_ = microseconds(number_from_environment("WATCHDOG_USEC") / 2);
  }
}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) close(socket_);
}

void ServiceManager::ready(std::string_view status) {
  send(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                   std::chrono::duration_cast<microseconds>(now).count()));
}

void ServiceManager::stopping() { send("STOPPING=1"); }

void ServiceManager::alive(std::chrono::steady_clock::time_point now) {
  if (watchdog_ == microseconds::zero() || now < next_sign_) return;
  next_sign_ = now + watchdog_;
  send("WATCHDOG=1");
}

// A manager that is gone, or too busy to take it, keeps nobody from working.
void ServiceManager::send(std::string_view state) const {
  if (socket_ < 0) return;
  const void* const address = &address_;
  (void)sendto(socket_, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               static_cast<const sockaddr*>(address), address_length_);
}

}  // namespace lossgazer
