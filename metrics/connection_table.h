// The server's connections, over all its addresses and threads: how many there may be, in all and
// from one client, and by when each must have moved on. It reads no clock and opens nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace lossgazer {

struct ConnectionLimits {
  size_t all = 256;
  // Scrapers and half-open clients may share an address (a proxy, a node): fewer shut them out.
  size_t per_client = 64;
  // From the start, or the last answer, to the end of a request, with all that a handshake takes.
  // Longer than the usual scrape interval of 15 s, so that scrapers keep their connections.
  std::chrono::milliseconds request{30'000};
  std::chrono::milliseconds answer{120'000};  // from there to the answer's last byte
};

// Any thread may call it.
class ConnectionTable {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit ConnectionTable(const ConnectionLimits& limits) : limits_(limits) {}

  // Takes a connection up, unless that would be one too many. To be called before anybody else
  // knows the descriptor.
  [[nodiscard]] bool admit(int descriptor, std::string client, TimePoint now);
  void request_came(int descriptor, TimePoint now);
  void answer_sent(int descriptor, TimePoint now);
  // To be called before the descriptor is closed.
  void remove(int descriptor);
  // Shuts down what is overdue, so that whoever serves it closes it.
  void expire(TimePoint now);

 private:
  struct Connection {
    std::string client;
    TimePoint deadline;
  };
  void set_deadline(int descriptor, TimePoint deadline);
  void erase(int descriptor);

  const ConnectionLimits limits_;
  std::mutex mutex_;
  std::unordered_map<int, Connection> connections_;
  std::unordered_map<std::string, size_t> clients_;
};

}  // namespace lossgazer
