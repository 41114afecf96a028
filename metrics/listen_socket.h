// A TCP socket that listens: opened here and not by the HTTP library, which does not say why it
// failed. It accepts nothing itself.
#pragma once

#include "metrics/listen_address.h"

namespace lossgazer {

// Owns the descriptor. Not thread-safe.
class ListenSocket {
 public:
  // Throws std::runtime_error naming the address, the reason and what to do about it. "::" takes
  // IPv4 too, and only IPv4 where the system has no IPv6.
  explicit ListenSocket(const ListenAddress& address);
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;

  // Where it listens, with the port the kernel chose if none was asked for.
  [[nodiscard]] ListenAddress bound() const;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Gives the descriptor away: the caller closes it.
  int release();

 private:
  int descriptor_ = -1;
};

}  // namespace lossgazer
