// A server that knows one answer.
#pragma once

#include <string_view>
#include <thread>

#include "metrics/listen_socket.h"

namespace lossgazer::test {

// Takes one connection to 127.0.0.1, and answers it with `bytes` whatever is asked.
class OneAnswer {
 public:
  explicit OneAnswer(std::string_view bytes);

  [[nodiscard]] ListenAddress bound() const { return socket_.bound(); }

 private:
  ListenSocket socket_;
  std::jthread thread_;
};

}  // namespace lossgazer::test
