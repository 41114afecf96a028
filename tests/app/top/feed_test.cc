#include "app/top/feed.h"

#include <gmock/gmock.h>
#include <poll.h>

#include <stdexcept>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;
using testing::ThrowsMessage;

// Waits for news as the terminal does.
FeedNews next_of(Feed& feed) {
  for (;;) {
    pollfd watched{.fd = feed.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&watched, 1, 60'000), 1);
    FeedNews news = feed.take();
    if (news.board || !news.failure.empty()) return news;
  }
}

TEST(Feed, BringsBoardsAndWhyThereIsNoneAndGoesOn) {
  int asked = 0;
  Feed feed({.ask = [&]() -> Board {
               if (++asked == 2) throw std::runtime_error("Connection refused");
               return {.host = std::to_string(asked)};
             },
             .wait = [](std::chrono::milliseconds) { std::this_thread::sleep_for(100ms); },
             .every = 300ms});
  EXPECT_EQ(next_of(feed).board->host, "1");
  const FeedNews none = next_of(feed);
  EXPECT_EQ(none.board, nullptr);
  EXPECT_EQ(none.failure, "Connection refused");
  EXPECT_EQ(next_of(feed).board->host, "3");
}

TEST(Feed, EndsByWhatEndsItsSource) {
  Feed feed({.ask = [] { return Board(); },
             .wait = [](std::chrono::milliseconds) { throw std::logic_error("worker 0 died"); }});
  EXPECT_THAT(
      [&] {
        for (;;) (void)next_of(feed);
      },
      ThrowsMessage<std::logic_error>("worker 0 died"));
}

}  // namespace
}  // namespace lossgazer
