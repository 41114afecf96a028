// A socket that listens: opened here and not by the HTTP library, which does not say why it failed.
// It accepts nothing itself.
#pragma once

#include <sys/types.h>

#include <vector>

#include "metrics/listen_address.h"

namespace lossgazer {

// Owns the descriptor. Not thread-safe.
class ListenSocket {
 public:
  // Throws std::runtime_error naming the address, the reason and what to do about it. "::" takes
  // IPv4 too, and only IPv4 where the system has no IPv6.
  //
  // A unix socket that a dead process left is replaced, one that is served is not; its mode is 0660
  // (less with a stricter umask), and it goes when this does.
  explicit ListenSocket(const ListenAddress& address);
  ~ListenSocket();
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;

  // The sockets that systemd opened for this process (LISTEN_PID, LISTEN_FDS; sd_listen_fds(3));
  // none without socket activation. To be asked once. Throws std::runtime_error if one is no
  // listening stream socket.
  [[nodiscard]] static std::vector<ListenSocket> inherited();

  // Where it listens, with the port the kernel chose if none was asked for.
  [[nodiscard]] ListenAddress bound() const;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  ListenSocket() = default;
  void open_tcp(const ListenAddress& address);
  void open_unix(const ListenAddress& address);

  int descriptor_ = -1;
  // The unix socket's file, while it is ours to remove.
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace lossgazer
