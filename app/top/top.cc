#include "app/top/top.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "analyzer/segment.h"
#include "app/build_info.h"
#include "app/live_capture.h"
#include "app/peer_directory.h"
#include "app/privileges.h"
#include "app/sandbox.h"
#include "app/top/feed.h"
#include "app/top/model.h"
#include "app/top/renderer.h"
#include "app/top/signal_queue.h"
#include "app/top/terminal.h"
#include "app/top/troubled_flows.h"
#include "capture/pipeline.h"
#include "metrics/http_get.h"
#include "metrics/metric_names.h"
#include "metrics/peer_board.h"

namespace lossgazer {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr size_t kPeersMax = 2'000;  // asked for: each is two lines of a table

// Shows what the feed brings, and does what keys ask for, until the end.
void watch(TopModel& model, const FeedConfig& config, const SignalQueue& signals) {
  Feed feed(config);
  Terminal terminal;
  const Glyphs glyphs = terminal.is_utf8() ? Glyphs() : Glyphs::ascii();
  std::array<pollfd, 3> watched{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                 {.fd = feed.fd(), .events = POLLIN, .revents = 0},
                                 {.fd = signals.fd(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    terminal.show(render(model, terminal.size(), glyphs, Clock::now()));
    // Once a second, for how old things are.
    if (poll(watched.data(), watched.size(), 1000) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "top: wait for keys");
    }
    const SignalQueue::Wishes wishes = signals.take();
    // The terminal is gone when nothing can be read from it any more.
    if (wishes.end || (watched[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return;
    if (wishes.resized) terminal.resize();
    if (FeedNews news = feed.take(); news.board) {
      model.take(std::move(news.board), Clock::now());
    } else if (!news.failure.empty()) {
      model.miss(std::move(news.failure));
    }
    while (const std::optional<Terminal::Input> input = terminal.read()) {
      if (input->stop) terminal.suspend();
      const size_t page = page_of(model, terminal.size());
      if (input->end || (input->key && !model.press(*input->key, page, Clock::now()))) return;
    }
  }
}

// Of a running exporter.

// Throws std::runtime_error with the bare reason.
Board ask_exporter(const HttpPlace& place) {
  constexpr std::chrono::seconds kPatience(3);
  constexpr size_t kAnswerMax = 64 << 20;
  const std::string path = fmt::format("/api/v1/peers?top={}", kPeersMax);
  const HttpAnswer answer = http_get(place, false, path, kPatience, kAnswerMax);
  if (answer.status == 200) return parse_board(answer.body);
  if (answer.status == 401) throw std::runtime_error("it wants a password, and top has none");
  throw std::runtime_error(
      fmt::format("status {}: {}", answer.status,
                  printable(answer.body.substr(0, answer.body.find_first_of("\r\n")))));
}

// One that cannot be asked at first is not waited for: the address may be wrong.
std::shared_ptr<const Board> first_board(const HttpPlace& place) {
  try {
    return std::make_shared<const Board>(ask_exporter(place));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("top: ask {} for its peers: {}; does a lossgazer run there, and serve at that "
                    "address?",
                    place.to_string(), error.what()));
  }
}

void watch_exporter(const HttpPlace& place, const SignalQueue& signals) {
  (void)enter_sandbox(Role::kClient);
  TopModel model(place.to_string());
  model.take(first_board(place), Clock::now());
  watch(model,
        {.ask = [&place] { return ask_exporter(place); },
         .wait = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); },
         .every = std::chrono::seconds(2)},
        signals);
}

// Of a capture of its own.

// The last that the pipeline had to warn of, for a minute. One thread at a time uses it.
class LastWarning {
 public:
  void note(LogLevel level, std::string_view text) {
    if (level != LogLevel::kWarning && level != LogLevel::kError) return;
    text_ = printable(text);
    came_ = Clock::now();
  }
  [[nodiscard]] std::string text() const {
    return Clock::now() - came_ < std::chrono::minutes(1) ? text_ : std::string();
  }

 private:
  std::string text_;
  Clock::time_point came_;
};

// As it stands before a port.
std::string bracketed(const IpAddress& address) {
  return address.is_v4() ? address.to_string() : fmt::format("[{}]", address.to_string());
}

std::vector<BoardFlow> board_flows(const TroubledFlows& flows, const PeerPolicy& peers) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::vector<BoardFlow> result;
  for (const TroubledFlow& flow : flows.all()) {
    const Sender us = flow.direction == Direction::kEgress ? flow.sender : other(flow.sender);
    Segment first{};
    first.key = flow.key;
    const std::optional<PeerKey> peer = peers.peer_of(first, us, NetworkSet());
    if (!peer) continue;
    BoardFlow& row = result.emplace_back();
    row.peer = printable(peer_labels(*peer, flow.direction).front().value);
    const Endpoint ours = flow.key.end(us);
    const Endpoint theirs = flow.key.end(other(us));
    row.ours = bracketed(ours.address);
    row.our_port = ours.port;
    row.theirs = fmt::format("{}:{}", bracketed(theirs.address), theirs.port);
    row.direction = flow.direction;
    row.sent_again = flow.sent_again;
    row.needless = flow.needless;
    row.late = flow.late;
    row.copies = flow.copies;
    if (flow.last_loss) row.last_loss = side_name(*flow.last_loss, peer->kind, flow.direction);
    row.age_seconds = Seconds(now - flow.last.time_since_epoch()).count();
  }
  return result;
}

// Steps of a chart's cells, and a minute of them.
PeerHistoryConfig minute_of_history(size_t peers) {
  return {.step = std::chrono::seconds(2), .steps = 40, .peers_max = peers};
}

void watch_capture(const Options& options, const SignalQueue& signals) {
  LastWarning warning;
  CaptureOpener opener(options.user);
  PeerDirectory directory(options);
  PipelineConfig config = pipeline_config(options, opener);
  TroubledFlows flows(config.secret);
  // Rows may have more labels, but flows are found by the peer alone.
  const PeerPolicy peers(peer_rules(options));
  config.verdicts = [&flows](size_t) {
    return [&flows](const Verdict& verdict) { flows.note(verdict); };
  };
  config.log = [&warning](LogLevel level, std::string_view text) { warning.note(level, text); };
  Pipeline pipeline(std::move(config));
  pipeline.start();
  PeerBoard board({.host = host_name(),
                   .build = build_info(),
                   .snapshot = [&pipeline] { return pipeline.snapshot(); },
                   .not_ready = [&pipeline] { return pipeline.not_ready(); },
                   .name = [&directory](const PeerKey& peer) { return directory.name_of(peer); },
                   .history = minute_of_history(history_peers(options.analyzer.peers_max))});
  board.observe();
  (void)enter_sandbox(Role::kMain);
  TopModel model("own capture");
  watch(model,
        {.ask =
             [&] {
               Board shown = parse_board(board.json(kPeersMax));
               shown.flows = board_flows(flows, peers);
               shown.notice = warning.text();
               return shown;
             },
         .wait =
             [&](std::chrono::milliseconds time) {
               pipeline.poll(time);
               board.observe();
             }},
        signals);
}

}  // namespace

void run_top(const Options& options) {
  Terminal::check();
  const SignalQueue signals;
  if (options.top.exporter) {
    watch_exporter(*options.top.exporter, signals);
  } else {
    watch_capture(options, signals);
  }
}

}  // namespace lossgazer
