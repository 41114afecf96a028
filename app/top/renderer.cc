#include "app/top/renderer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "app/top/details.h"
#include "app/top/peer_table.h"
#include "app/top/words.h"

namespace lossgazer {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// By the clock of who said it, in the time zone of who reads it.
std::string clock_time(const Board& board) {
  return fmt::format("{:%H:%M:%S}", fmt::localtime(static_cast<time_t>(board.time)));
}

class Frame {
 public:
  Frame(TopModel& model, const ScreenSize& size, const Glyphs& glyphs, Clock::time_point now)
      : model_(model), size_(size), glyphs_(glyphs), now_(now) {}

  [[nodiscard]] std::vector<Line> draw() && {
    title();
    notices();
    if (model_.view() == TopModel::View::kHelp) {
      text(help_lines());
    } else if (model_.board() == nullptr) {
      add(Line("Waiting for the first packets"));
    } else if (model_.view() == TopModel::View::kDetails) {
      details();
    } else {
      peers();
    }
    while (lines_.size() + 1 < size_.lines) lines_.emplace_back();
    lines_.resize(size_.lines - 1);
    add(keys());
    return std::move(lines_);
  }

 private:
  // Cut at the screen's edge.
  void add(const Line& line) {
    Line cut;
    for (const Span& span : line.spans()) {
      const size_t left = size_.columns - cut.columns();
      if (left == 0) break;
      cut.add(fitted(span.text, left, glyphs_.more), span.manner);
    }
    lines_.push_back(std::move(cut));
  }

  void title() {
    Line line("lossgazer", Manner::kStrong);
    const Board* board = model_.board();
    if (board != nullptr && !board->host.empty()) line.add(" " + board->host);
    std::string right = model_.source();
    if (board != nullptr) {
      right += " " + clock_time(*board);
    }
    const size_t wide = columns_of(right);
    if (line.columns() + 1 + wide <= size_.columns) {
      line.pad(size_.columns - wide);
      line.add(std::move(right), Manner::kQuiet);
    }
    add(line);
  }

  // What is wrong with what is shown, if anything is.
  void notices() {
    if (!model_.missed().empty() && model_.board() != nullptr) {
      add(Line(fmt::format("Stale since {} ({}), trying again: {}", clock_time(*model_.board()),
                           age(seconds_between(model_.board_came(), now_)), model_.missed()),
               Manner::kWarning));
    }
    if (const auto since = model_.frozen()) {
      add(Line(fmt::format("Frozen for {}; f goes on", age(seconds_between(*since, now_))),
               Manner::kWarning));
    }
    if (const Board* board = model_.board()) {
      if (!board->notice.empty()) add(Line(board->notice, Manner::kWarning));
    }
  }

  void peers() {
    const Board& board = *model_.board();
    const std::string headline = headline_of(board);
    const bool bad = headline.starts_with("Losing") || headline.starts_with("No answer");
    add(Line(headline, bad ? Manner::kBad : Manner::kPlain));
    const bool whole = board.capture.not_ready.empty() && board.capture.dropped == 0;
    Line state(capture_line(board), whole ? Manner::kQuiet : Manner::kWarning);
    state.add(fmt::format(", {} peers", counted(board.peers_known)), Manner::kQuiet);
    if (board.peers.size() < board.peers_known) {
      state.add(fmt::format(", the worst {} here", counted(board.peers.size())), Manner::kQuiet);
    }
    add(state);
    filter();
    if (model_.rows().empty()) {
      if (!board.peers.empty()) add(Line("No such peer", Manner::kQuiet));
      return;
    }
    const size_t room = std::max<size_t>(size_.lines - 1 - lines_.size(), 3);
    const size_t fit = std::max<size_t>((room - 1) / 2, 1);
    const size_t first = model_.selected() / fit * fit;
    for (const Line& line : peer_table(model_, glyphs_, size_.columns, first, fit + 1)) add(line);
  }

  void filter() {
    if (model_.filter_is_typed()) {
      add(Line(fmt::format("Filter: {}_", model_.filter()), Manner::kStrong));
    } else if (!model_.filter().empty() || model_.lossy_only()) {
      const std::string words = fmt::format(
          "{}{}{}", model_.filter().empty() ? "" : fmt::format("Filter: {}", model_.filter()),
          model_.filter().empty() || !model_.lossy_only() ? "" : ", ",
          model_.lossy_only() ? "with loss only" : "");
      add(Line(fmt::format("{} ({} of {})", words, counted(model_.rows().size()),
                           counted(model_.board()->peers.size())),
               Manner::kStrong));
    }
  }

  void details() {
    const BoardPeer* peer = model_.detailed();
    if (peer == nullptr) {
      std::string name = model_.detailed_identity();
      name.resize(std::min(name.find('\n'), name.size()));
      add(Line(fmt::format("{}: not counted any more, or not among the worst", name)));
      return;
    }
    Line name(peer->peer, Manner::kStrong);
    if (!peer->name.empty()) name.add(" " + peer->name);
    if (!peer->labels.empty()) name.add(" " + peer->labels);
    add(name);
    text(peer_details(*model_.board(), *peer, glyphs_, size_.columns));
  }

  // As much as there is room for, as far as it is scrolled.
  void text(const std::vector<Line>& all) {
    const size_t room = size_.lines - 1 - std::min(lines_.size(), size_.lines - 2);
    model_.limit_scroll(all.size() - std::min(room, all.size()));
    const size_t end = std::min(model_.scrolled() + room, all.size());
    for (size_t i = model_.scrolled(); i < end; ++i) add(all[i]);
    below_ = all.size() - end;
  }

  [[nodiscard]] Line keys() const {
    if (model_.filter_is_typed()) return Line("Enter keeps it, Esc drops it", Manner::kQuiet);
    if (model_.view() != TopModel::View::kPeers) {
      return Line(below_ > 0 ? fmt::format("Esc back, arrows scroll: {} lines below", below_)
                             : "Esc back, f freeze",
                  Manner::kQuiet);
    }
    Line line;
    const auto key = [&](const char* words, bool on = false) {
      const size_t blank = line.columns() == 0 ? 0 : 2;
      if (line.columns() + blank + columns_of(words) > size_.columns) return;
      line.add(std::string(blank, ' '));
      line.add(words, on ? Manner::kStrong : Manner::kQuiet);
    };
    key("l loss", model_.order() == Measure::kLoss);
    key("t traffic", model_.order() == Measure::kTraffic);
    key("r RTT", model_.order() == Measure::kRtt);
    key("? help");
    key("q end");
    key("/ filter", !model_.filter().empty());
    key("Enter details");
    key("f freeze", model_.frozen().has_value());
    key("o lossy", model_.lossy_only());
    return line;
  }

  TopModel& model_;
  const ScreenSize size_;
  const Glyphs& glyphs_;
  const Clock::time_point now_;
  std::vector<Line> lines_;
  size_t below_ = 0;
};

}  // namespace

std::vector<Line> render(TopModel& model, const ScreenSize& size, const Glyphs& glyphs,
                         Clock::time_point now) {
  if (size.columns < kLeastScreen.columns || size.lines < kLeastScreen.lines) {
    const std::string text =
        fmt::format("Too small: {} x {} at least", kLeastScreen.columns, kLeastScreen.lines);
    return {Line(fitted(text, size.columns, glyphs.more))};
  }
  return Frame(model, size, glyphs, now).draw();
}

size_t page_of(const TopModel& model, const ScreenSize& size) {
  constexpr size_t kAround = 5;  // title, headline, state, heads and keys
  const size_t lines = size.lines - std::min(size.lines, kAround);
  return model.view() == TopModel::View::kPeers ? std::max<size_t>(lines / 2, 1) : lines;
}

}  // namespace lossgazer
