#include "tests/metrics/one_answer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace lossgazer::test {

OneAnswer::OneAnswer(std::string_view bytes)
    : socket_(ListenAddress::parse("127.0.0.1:0").value()), thread_([this, bytes] {
        pollfd waiting{.fd = socket_.descriptor(), .events = POLLIN, .revents = 0};
        poll(&waiting, 1, 5000);
        const int connection = accept(socket_.descriptor(), nullptr, nullptr);
        std::array<char, 512> request{};
        EXPECT_GT(recv(connection, request.data(), request.size(), 0), 0);
        EXPECT_EQ(send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
        close(connection);
      }) {}

}  // namespace lossgazer::test
