// Taking up a changed configuration while the program runs: all of it is read and checked first,
// then what can change is changed, and what takes a restart is named. Flows and counters are not
// touched here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"
#include "capture/limited_log.h"
#include "metrics/exposition.h"

namespace lossgazer {

// A part of the program that takes up options while it runs.
struct LiveChange {
  // Puts what was made ready in force. Must not fail.
  using Commit = std::function<void()>;

  std::vector<std::string_view> options;  // their names
  // Makes ready for the new options, which live until the commit; may throw std::runtime_error.
  std::function<Commit(const Options&)> prepare;
  bool always = false;  // at every reload: what its options name may have changed
};

// For options whose new values cannot be refused any more.
[[nodiscard]] LiveChange at_once(std::vector<std::string_view> options,
                                 std::function<void(const Options&)> apply);

// One thread reloads; any may ask for health().
class Reloader {
 public:
  // `running` is in force. `read` gives what the user asks for now, or throws std::runtime_error.
  // Options that no change takes need a restart.
  Reloader(Options running, std::function<Options()> read, std::vector<LiveChange> changes,
           LogFunction log);

  // Nothing, or why all stays as it was; logged as well.
  std::optional<std::string> reload();
  // Now and then, by the same thread: says what the log left out.
  void settle_log() { log_.settle(std::chrono::steady_clock::now()); }

  [[nodiscard]] ConfigHealth health() const;

 private:
  void take_up(const Options& next);
  void set_health(bool successful);
  void log(std::string_view kind, LogLevel level, std::string_view text);

  Options running_;  // with the values in force, not those that wait for a restart
  Options asked_;    // as last read
  std::function<Options()> read_;
  std::vector<LiveChange> changes_;
  LimitedLog log_;
  mutable std::mutex mutex_;  // guards the one below
  ConfigHealth health_;
};

// Where any number of threads ask for a reload and one does them, one at a time. Those who ask
// while one runs share the next.
class ReloadDesk {
 public:
  // `wake` makes the thread that serves come soon.
  explicit ReloadDesk(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Waits for a reload that begins after this call. Nothing, or why it failed.
  std::optional<std::string> ask();
  // Does a reload if one was asked for.
  void serve(const std::function<std::optional<std::string>()>& reload);
  // Nobody will serve any more: those who ask, and wait, are told so.
  void close();

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable done_changed_;
  uint64_t asked_ = 0;
  uint64_t done_ = 0;
  bool closed_ = false;
  std::optional<std::string> outcome_;
};

}  // namespace lossgazer
