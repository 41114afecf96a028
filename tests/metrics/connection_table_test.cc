#include "metrics/connection_table.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

constexpr ConnectionTable::TimePoint kStart{100h};

TEST(ConnectionTable, BoundsAllAndEachClient) {
  ConnectionTable table({.all = 5, .per_client = 2});
  EXPECT_TRUE(table.admit(10, "192.0.2.1", kStart));
  EXPECT_TRUE(table.admit(11, "192.0.2.1", kStart));
  EXPECT_FALSE(table.admit(12, "192.0.2.1", kStart));
  EXPECT_TRUE(table.admit(12, "192.0.2.2", kStart));
  EXPECT_TRUE(table.admit(13, "192.0.2.3", kStart));
  EXPECT_TRUE(table.admit(14, "192.0.2.4", kStart));
  EXPECT_FALSE(table.admit(15, "192.0.2.5", kStart));
  table.remove(10);
  EXPECT_TRUE(table.admit(10, "192.0.2.1", kStart));
  EXPECT_FALSE(table.admit(15, "192.0.2.1", kStart));
  table.remove(99);  // never admitted
}

TEST(ConnectionTable, DescriptorThatComesAgainIsCountedOnce) {
  ConnectionTable table({.all = 2, .per_client = 1});
  EXPECT_TRUE(table.admit(10, "192.0.2.1", kStart));
  EXPECT_TRUE(table.admit(10, "192.0.2.2", kStart));  // closed, without a word
  EXPECT_TRUE(table.admit(11, "192.0.2.1", kStart));
  EXPECT_FALSE(table.admit(12, "192.0.2.3", kStart));
}

class ConnectionDeadlineTest : public testing::Test {
 protected:
  ConnectionDeadlineTest() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_.data()), 0);
    EXPECT_TRUE(table_.admit(pair_[0], "local", kStart));
  }
  ~ConnectionDeadlineTest() override {
    for (const int descriptor : pair_) close(descriptor);
  }
  // Whether the other end reads the end of the stream.
  [[nodiscard]] bool is_shut() const {
    char byte = 0;
    return recv(pair_[1], &byte, 1, MSG_DONTWAIT) == 0;
  }

  std::array<int, 2> pair_{};
  ConnectionTable table_{{.request = 30s, .answer = 120s}};
};

TEST_F(ConnectionDeadlineTest, RequestMustComeInTime) {
  table_.expire(kStart + 29s);
  EXPECT_FALSE(is_shut());
  table_.expire(kStart + 30s);
  EXPECT_TRUE(is_shut());
}

TEST_F(ConnectionDeadlineTest, AnswerMustGoInTime) {
  table_.request_came(pair_[0], kStart + 20s);
  table_.expire(kStart + 139s);
  EXPECT_FALSE(is_shut());
  table_.expire(kStart + 140s);
  EXPECT_TRUE(is_shut());
}

TEST_F(ConnectionDeadlineTest, AnswerSentIsAFreshStart) {
  table_.request_came(pair_[0], kStart + 20s);
  table_.answer_sent(pair_[0], kStart + 100s);
  table_.expire(kStart + 129s);
  EXPECT_FALSE(is_shut());
  table_.expire(kStart + 130s);
  EXPECT_TRUE(is_shut());
}

TEST_F(ConnectionDeadlineTest, WhatIsClosedIsLeftAlone) {
  table_.remove(pair_[0]);
  table_.expire(kStart + 1h);
  EXPECT_FALSE(is_shut());
}

}  // namespace
}  // namespace lossgazer
