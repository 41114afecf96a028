#include "metrics/password_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace lossgazer {
namespace {

using testing::Each;

// "secret".
constexpr const char* kHash = "$2b$04$A2TTaEhvjH7Utn0Jfl6DteTAiJpYiXmgQX4eK64GRKAw2r4oE6Pea";

std::shared_ptr<BasicAuth> alice(const std::string& hash) {
  return std::make_shared<BasicAuth>(std::map<std::string, std::string>{{"alice", hash}});
}

TEST(PasswordQueue, TellsWhetherALoginIsRight) {
  PasswordQueue queue;
  for (const auto& [password, right] : {std::pair("secret", true), std::pair("Secret", false)}) {
    std::promise<std::optional<bool>> told;
    ASSERT_TRUE(queue.submit(alice(kHash), {"alice", password},
                             [&](std::optional<bool> outcome) { told.set_value(outcome); }));
    EXPECT_EQ(told.get_future().get(), right);
  }
}

// At this cost, a check takes some ten seconds: whoever waited for it would be told its outcome.
TEST(PasswordQueue, EndsWithoutWaitingForACheckThatRuns) {
  std::string slow = kHash;
  slow.replace(4, 2, "17");
  std::vector<std::optional<bool>> told;
  PasswordQueue queue;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(queue.submit(alice(slow), {"alice", "secret"},
                             [&](std::optional<bool> outcome) { told.push_back(outcome); }));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the first runs by now
  queue.end();
  EXPECT_EQ(told.size(), 3U);
  EXPECT_THAT(told, Each(std::nullopt));
  EXPECT_FALSE(queue.submit(alice(slow), {"alice", "secret"}, [](std::optional<bool>) {}));
  queue.end();
  EXPECT_EQ(told.size(), 3U);
}

}  // namespace
}  // namespace lossgazer
