// A thread that asks for boards, one after the other, and keeps the latest. The terminal never
// waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "app/top/board.h"
#include "capture/event_fd.h"

namespace lossgazer {

struct FeedConfig {
  // The next board. What it throws as std::runtime_error is why there is none this time.
  std::function<Board()> ask;
  // What the source wants done meanwhile, for at most so long. What it throws ends the feed.
  std::function<void(std::chrono::milliseconds)> wait;
  // From one board to the next; three times what asking took, where that is more.
  std::chrono::milliseconds every = std::chrono::seconds(1);
};

struct FeedNews {
  std::shared_ptr<const Board> board{};  // null: none
  std::string failure{};                 // why there is none
};

// The thread inherits the caller's signal mask and sandbox.
class Feed {
 public:
  explicit Feed(FeedConfig config);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Readable when there is news.
  [[nodiscard]] int fd() const { return news_came_.fd(); }
  // The latest since the last call; neither a board nor a failure if there is none. Throws what
  // ended the feed.
  [[nodiscard]] FeedNews take();

 private:
  void run();
  void ask_once();

  const FeedConfig config_;
  EventFd news_came_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards the two below
  FeedNews news_;
  std::exception_ptr ended_;
  std::thread thread_;
};

}  // namespace lossgazer
