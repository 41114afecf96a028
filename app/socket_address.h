// An IP address as the C library takes it, without a port.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "analyzer/ip_address.h"

namespace lossgazer {

class SocketAddress {
 public:
  explicit SocketAddress(const IpAddress& address) {
    const auto bytes = address.bytes();
    if (address.is_v4()) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      std::memcpy(&v4.sin_addr, bytes.data() + 12, sizeof v4.sin_addr);
      store(v4);
    } else {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
      store(v6);
    }
  }
  [[nodiscard]] const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&storage_));
  }
  [[nodiscard]] socklen_t length() const { return length_; }

 private:
  template <typename Address>
  void store(const Address& address) {
    std::memcpy(&storage_, &address, sizeof address);
    length_ = sizeof address;
  }

  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace lossgazer
