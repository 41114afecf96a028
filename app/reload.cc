#include "app/reload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "app/option_table.h"

namespace lossgazer {
namespace {

using std::chrono::system_clock;

bool has(const std::vector<const Option*>& options, std::string_view name) {
  return std::ranges::any_of(options, [&](const Option* option) { return option->name == name; });
}

std::string in_words(const Options& options, const std::vector<const Option*>& which) {
  std::vector<std::string> words;
  words.reserve(which.size());
  for (const Option* option : which) {
    words.push_back(fmt::format("{}={}", option->name, given_text(options, *option)));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

LiveChange at_once(std::vector<std::string_view> options,
                   std::function<void(const Options&)> apply) {
  return {.options = std::move(options),
          .prepare = [apply = std::move(apply)](const Options& next) -> LiveChange::Commit {
            return [&apply, &next] { apply(next); };
          }};
}

Reloader::Reloader(Options running, std::function<Options()> read, std::vector<LiveChange> changes,
                   LogFunction log)
    : running_(std::move(running)),
      asked_(running_),
      read_(std::move(read)),
      changes_(std::move(changes)),
      log_(std::move(log)),
      health_{.last_reload_successful = true, .last_success = system_clock::now()} {}

std::optional<std::string> Reloader::reload() {
  try {
    take_up(read_());
  } catch (const std::exception& error) {
    const std::string why =
        fmt::format("reload: the old configuration stays in force: {}", error.what());
    log("reload refused", LogLevel::kError, why);
    set_health(false);
    return why;
  }
  set_health(true);
  return std::nullopt;
}

void Reloader::take_up(const Options& next) {
  const std::vector<const Option*> changed = changed_options(running_, next);
  std::vector<const Option*> taken;
  std::vector<LiveChange::Commit> commits;
  for (const LiveChange& change : changes_) {
    bool touched = change.always;
    for (const std::string_view name : change.options) {
      if (!has(changed, name)) continue;
      touched = true;
      taken.push_back(find_option(name));
    }
    if (touched) commits.push_back(change.prepare(next));
  }
  for (const LiveChange::Commit& commit : commits) commit();
  for (const Option* option : taken) option->copy(running_, next);

  // What was said once is not said again, until it is asked for something else.
  std::vector<const Option*> waiting;
  for (const Option* option : changed) {
    if (!has(taken, option->name) && !option->same(asked_, next)) waiting.push_back(option);
  }
  asked_ = next;
  if (!waiting.empty()) {
    log("reload takes a restart", LogLevel::kWarning,
        fmt::format("reload: takes a restart, and keeps its old value until then: {}",
                    in_words(next, waiting)));
  }
  log("reload done", LogLevel::kInfo,
      taken.empty() ? "reload: the configuration was read; nothing changes"
                    : fmt::format("reload: in force now: {}", in_words(next, taken)));
}

ConfigHealth Reloader::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void Reloader::set_health(bool successful) {
  const std::lock_guard lock(mutex_);
  health_.last_reload_successful = successful;
  if (successful) health_.last_success = system_clock::now();
}

void Reloader::log(std::string_view kind, LogLevel level, std::string_view text) {
  std::string line(text);  // of a refusal, several
  for (size_t at = 0; (at = line.find('\n', at)) != std::string::npos;) line.replace(at, 1, "; ");
  log_.write(kind, level, line, std::chrono::steady_clock::now());
}

std::optional<std::string> ReloadDesk::ask() {
  std::unique_lock lock(mutex_);
  const uint64_t ticket = ++asked_;
  wake_();
  done_changed_.wait(lock, [&] { return closed_ || done_ >= ticket; });
  if (done_ < ticket) return "reload: the program is ending";
  return outcome_;
}

void ReloadDesk::serve(const std::function<std::optional<std::string>()>& reload) {
  std::unique_lock lock(mutex_);
  if (asked_ == done_) return;
  const uint64_t asked = asked_;  // who asks from now on may have changed the file since
  lock.unlock();
  std::optional<std::string> outcome = reload();
  lock.lock();
  done_ = asked;
  outcome_ = std::move(outcome);
  done_changed_.notify_all();
}

void ReloadDesk::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  done_changed_.notify_all();
}

}  // namespace lossgazer
