// Takes connections from listening sockets, in a thread of its own, and hands them on. It reads and
// writes nothing on them.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "metrics/listen_socket.h"

namespace lossgazer {

struct AcceptedClient {
  int descriptor = -1;  // whoever gets it closes it
  sockaddr_storage address{};
  socklen_t address_length = 0;
  // Who that is, for limits: an IPv4 address, the first 64 bits of an IPv6 address, or a local
  // user.
  std::string name;
};

// Its thread runs from construction to destruction.
class Acceptor {
 public:
  // Both are called by its thread: `take` with each connection, `tick` about once a second.
  Acceptor(std::vector<ListenSocket> sockets, std::function<void(AcceptedClient)> take,
           std::function<void()> tick);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lossgazer
