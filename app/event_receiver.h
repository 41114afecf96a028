// The far end of a stream of events: standard output, or a socket that it connects to. It takes
// what fits at once and never waits for a reader, who may go away at any time.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "app/event_destination.h"

namespace lossgazer {

// Of one thread, which must have SIGPIPE blocked.
class EventReceiver {
 public:
  // Opens nothing yet.
  explicit EventReceiver(EventDestination destination) : destination_(std::move(destination)) {}
  ~EventReceiver() { close(); }
  EventReceiver(const EventReceiver&) = delete;
  EventReceiver& operator=(const EventReceiver&) = delete;

  // Connects; why not, if it fails. Takes as long as name servers are silent, and five seconds for
  // each address, unless `cancelled` becomes true.
  [[nodiscard]] std::optional<std::string> open(const std::function<bool()>& cancelled);
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close();

  // Why it is gone; nothing if it is there, as far as that shows. Waits no longer than `for_room`
  // until it takes something, or is gone.
  [[nodiscard]] std::optional<std::string> gone(std::chrono::milliseconds for_room) const;

  struct Written {
    size_t bytes = 0;                         // at once; 0 if there is no room
    std::optional<std::string> failure = {};  // then it is gone
  };
  // Whole lines. Of a pipe's, no line is cut.
  [[nodiscard]] Written write(std::string_view lines) const;

 private:
  [[nodiscard]] std::optional<std::string> open_standard_output();
  [[nodiscard]] std::optional<std::string> open_unix();
  [[nodiscard]] std::optional<std::string> open_tcp(const std::function<bool()>& cancelled);

  EventDestination destination_;
  int fd_ = -1;
  bool is_socket_ = false;
};

}  // namespace lossgazer
