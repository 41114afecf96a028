// What systemd is told (sd_notify(3)): that lossgazer serves, reloads, ends, and that it still
// works. Without a service manager nothing is said.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <string>
#include <string_view>

namespace lossgazer {

// One thread calls it.
class ServiceManager {
 public:
  // Takes $NOTIFY_SOCKET and $WATCHDOG_USEC from the environment.
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // `status`: for `systemctl status`.
  void ready(std::string_view status);
  void reloading();
  void stopping();
  // Tells that it works, as often as was asked for. Not called, systemd ends the program.
  void alive(std::chrono::steady_clock::time_point now);

 private:
  void send(std::string_view state) const;

  int socket_ = -1;  // none: nobody listens
  sockaddr_un address_{};
  socklen_t address_length_ = 0;
  std::chrono::microseconds watchdog_{};  // between two signs of life, 0 for none
  std::chrono::steady_clock::time_point next_sign_;
};

}  // namespace lossgazer
