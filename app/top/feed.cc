#include "app/top/feed.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "capture/named_thread.h"

namespace lossgazer {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTurn(200);

}  // namespace

Feed::Feed(FeedConfig config) : config_(std::move(config)) {
  thread_ = named_thread("top-feed", [this] { run(); });
}

Feed::~Feed() {
  stopping_ = true;
  thread_.join();
}

FeedNews Feed::take() {
  news_came_.clear();
  const std::lock_guard lock(mutex_);
  if (ended_) std::rethrow_exception(ended_);
  return std::exchange(news_, {});
}

void Feed::run() {
  try {
    while (!stopping_) {
      const Clock::time_point begin = Clock::now();
      ask_once();
      news_came_.set();
      const Clock::duration took = Clock::now() - begin;
      const Clock::time_point next = begin + std::max<Clock::duration>(config_.every, 3 * took);
      do {
        config_.wait(kTurn);
      } while (!stopping_ && Clock::now() < next);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    ended_ = std::current_exception();
    news_came_.set();
  }
}

void Feed::ask_once() {
  FeedNews news;
  try {
    news.board = std::make_shared<const Board>(config_.ask());
  } catch (const std::runtime_error& error) {
    news.failure = error.what();
  }
  const std::lock_guard lock(mutex_);
  news_ = std::move(news);
}

}  // namespace lossgazer
