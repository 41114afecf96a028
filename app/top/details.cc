#include "app/top/details.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <tuple>
#include <utility>

#include "app/top/peer_table.h"
#include "app/top/words.h"

namespace lossgazer {
namespace {

constexpr size_t kWorstFlows = 20;

struct Total {
  const char* word;
  std::vector<const char*> keys{};  // which are added up
  bool always = false;              // shown when it is 0 in both directions, too
};

const std::vector<Total>& totals() {
  static const std::vector<Total> all = {
      {"packets", {"packets"}, true},
      {"lost in the network", {"lost_packets_peer"}, true},
      {"lost on this host", {"lost_packets_local"}, true},
      {"lost before here", {"lost_packets_before"}},
      {"lost after here", {"lost_packets_after"}},
      {"sent again", {"retransmitted_segments"}, true},
      {" of these needless", {"spurious_retransmissions"}},
      {" of these handshakes",
       {"handshake_retransmissions_syn", "handshake_retransmissions_syn_ack"}},
      {"sent again unanswered", {"unanswered_segments"}},
      {"came late", {"reordered_segments"}},
      {"copies", {"duplicate_packets"}},
      {"duplicate ACKs", {"duplicate_acks"}},
      {"zero windows", {"zero_windows"}},
      {"resets", {"resets"}},
      {"marked by ECN", {"ecn_ce_packets"}},
      {"bytes never captured", {"unseen_bytes"}},
      {"connections opened", {"connections_opened"}},
      {"connections refused", {"connections_refused"}},
      {"connections timed out", {"connections_timeout"}},
  };
  return all;
}

uint64_t total_of(const BoardWay& way, const Total& total) {
  uint64_t sum = 0;
  for (const char* key : total.keys) {
    const auto found = way.total.find(key);
    if (found != way.total.end()) sum += found->second;
  }
  return sum;
}

class Details {
 public:
  Details(const Board& board, const BoardPeer& peer, const Glyphs& glyphs, size_t columns)
      : board_(board),
        peer_(peer),
        glyphs_(glyphs),
        columns_(columns),
        label_(columns < 60 ? 15 : 24),
        value_(std::min<size_t>((columns - label_) / 2, 32)) {}

  [[nodiscard]] std::vector<Line> lines() && {
    Line head;
    head.pad(label_);
    head.add(fmt::format("{} TO THE PEER", glyphs_.to), Manner::kStrong);
    head.pad(label_ + value_);
    head.add(fmt::format("{} FROM THE PEER", glyphs_.from), Manner::kStrong);
    lines_.push_back(std::move(head));
    last_minute();
    lines_.emplace_back();
    since_counted();
    lines_.emplace_back();
    flows();
    return std::move(lines_);
  }

 private:
  using Cell = std::function<Line(const BoardWay&)>;

  void both(const std::string& word, const Cell& cell) {
    Line line(fitted(word, label_ - 1, glyphs_.more));
    size_t column = label_;
    for (const BoardWay& way : peer_.ways) {
      line.pad(column);
      const Line part = cell(way);
      for (const Span& span : part.spans()) line.add(span.text, span.manner);
      column += value_;
    }
    lines_.push_back(std::move(line));
  }

  void number(const std::string& word, const std::function<Span(const BoardWay&)>& read) {
    both(word, [&](const BoardWay& way) {
      if (!way.known) return Line(std::string(kUnknown), Manner::kQuiet);
      Span span = read(way);
      return Line(fitted(span.text, value_ - 1, glyphs_.more), span.manner);
    });
  }

  // What each side and method found.
  void losses(const std::string& word, std::string_view side, std::string_view method) {
    const auto find = [&](const BoardWay& way) -> const BoardLoss* {
      const auto found = std::ranges::find_if(way.loss, [&](const BoardLoss& loss) {
        return loss.side == side && loss.method == method;
      });
      return found == way.loss.end() ? nullptr : &*found;
    };
    if (std::ranges::none_of(peer_.ways, find)) return;
    number(word, [&](const BoardWay& way) -> Span {
      const BoardLoss* loss = find(way);
      if (loss == nullptr) return {std::string(kUnknown), Manner::kQuiet};
      return {fmt::format("{} ({} of {})", percent(loss->ratio), counted(loss->lost),
                          counted(loss->of)),
              loss->lost > 0 ? Manner::kBad : Manner::kQuiet};
    });
  }

  void last_minute() {
    lines_.emplace_back("LAST MINUTE", Manner::kStrong);
    for (const char* side : {"peer", "local", "before", "after"}) {
      for (const char* method : {"census", "sequence"}) {
        losses(fmt::format("{}, {}", side_word(side), method_word(method)), side, method);
      }
    }
    number("sent again", [](const BoardWay& way) -> Span {
      return {fmt::format("{} ({} of {})", percent(way.retransmission_ratio),
                          counted(way.retransmitted_segments), counted(way.data_segments)),
              way.retransmitted_segments > 0 ? Manner::kPlain : Manner::kQuiet};
    });
    number("unanswered", [](const BoardWay& way) -> Span {
      return {counted(way.unanswered_segments),
              way.unanswered_segments > 0 ? Manner::kBad : Manner::kQuiet};
    });
    number("came late", [](const BoardWay& way) -> Span {
      return {counted(way.reordered_segments),
              way.reordered_segments > 0 ? Manner::kPlain : Manner::kQuiet};
    });
    number("round trip",
           [](const BoardWay& way) -> Span { return {milliseconds(way.rtt_seconds)}; });
    number("traffic", [](const BoardWay& way) -> Span {
      return {fmt::format("{} packets/s, {}bit/s", scaled(way.packets_per_second),
                          scaled(way.payload_bytes_per_second * 8))};
    });
    const double most = most_loss(board_);
    for (const auto& [word, measure] :
         {std::pair("loss", Measure::kLoss), std::pair("traffic", Measure::kTraffic),
          std::pair("round trip", Measure::kRtt)}) {
      both(fmt::format("{} by time", word), [&, measure = measure](const BoardWay& way) {
        return chart_line(chart_of(way, board_.steps, measure, value_ - 2, most), measure, glyphs_);
      });
    }
  }

  void since_counted() {
    lines_.emplace_back("SINCE IT IS COUNTED", Manner::kStrong);
    for (const Total& total : totals()) {
      const bool any = std::ranges::any_of(
          peer_.ways, [&](const BoardWay& way) { return total_of(way, total) > 0; });
      const bool has = std::ranges::any_of(
          peer_.ways, [&](const BoardWay& way) { return way.total.contains(total.keys.front()); });
      if (!any && !(total.always && has)) continue;
      both(total.word, [&](const BoardWay& way) {
        const uint64_t sum = total_of(way, total);
        return Line(counted(sum), sum > 0 ? Manner::kPlain : Manner::kQuiet);
      });
    }
  }

  void flows() {
    lines_.emplace_back("WORST FLOWS", Manner::kStrong);
    if (!board_.flows) {
      lines_.emplace_back("Known to `lossgazer top` with a capture of its own: an exporter keeps",
                          Manner::kQuiet);
      lines_.emplace_back("no counters of flows.", Manner::kQuiet);
      return;
    }
    std::vector<const BoardFlow*> worst;
    for (const BoardFlow& flow : *board_.flows) {
      if (flow.peer == peer_.peer) worst.push_back(&flow);
    }
    std::ranges::sort(worst, std::greater<>(), [](const BoardFlow* flow) {
      return std::tuple(flow->sent_again - flow->needless, flow->sent_again + flow->late,
                        -flow->age_seconds);
    });
    if (worst.empty()) {
      lines_.emplace_back("Nothing was sent again or came late.", Manner::kQuiet);
      return;
    }
    lines_.emplace_back("AGAIN NEEDLESS LATE COPIES LAST LOST   AGO FLOW", Manner::kStrong);
    for (const BoardFlow* flow : worst) {
      if (worst.size() > kWorstFlows && flow == worst[kWorstFlows]) break;
      lines_.emplace_back(flow_line(*flow));
    }
    if (worst.size() > kWorstFlows) {
      lines_.emplace_back(fmt::format("and {} more", worst.size() - kWorstFlows), Manner::kQuiet);
    }
  }

  [[nodiscard]] std::string flow_line(const BoardFlow& flow) const {
    std::string line = fmt::format("{:>5} {:>8} {:>4} {:>6} {:<9} {:>5} ", few(flow.sent_again),
                                   few(flow.needless), few(flow.late), few(flow.copies),
                                   side_word(flow.last_loss), age(flow.age_seconds));
    const std::string rest =
        fmt::format(":{} {} {}", flow.our_port,
                    flow.direction == Direction::kEgress ? glyphs_.to : glyphs_.from, flow.theirs);
    // Our own address goes first where there is no room.
    const size_t wide = line.size() + flow.ours.size() + columns_of(rest);
    return line + (wide > columns_ ? "" : flow.ours) + rest;
  }

  const Board& board_;
  const BoardPeer& peer_;
  const Glyphs& glyphs_;
  const size_t columns_;
  const size_t label_;
  const size_t value_;
  std::vector<Line> lines_;
};

}  // namespace

std::vector<Line> peer_details(const Board& board, const BoardPeer& peer, const Glyphs& glyphs,
                               size_t columns) {
  return Details(board, peer, glyphs, columns).lines();
}

std::vector<Line> help_lines() {
  static constexpr std::pair<const char*, const char*> kKeys[] = {
      {"l t r", "order by loss, traffic, round trip"},
      {"/", "filter by address, name or label"},
      {"o", "only peers with loss, or all"},
      {"Esc", "no filter; back from here"},
      {"arrows, j k", "select a peer, scroll"},
      {"PgUp PgDn", "by a screen; Home, End"},
      {"Enter", "all of that peer, and back"},
      {"f, blank", "freeze, and go on"},
      {"h ?", "this"},
      {"q", "back, or the end"},
  };
  static constexpr const char* kWords[] = {
      "A peer has two lines: to it, from it.",    "LOST   of its packets in the last minute:",
      "       the heaviest of all losses",        "WHERE  network: between here and it;",
      "       this host: from capture to socket", "       counted: numbers were missing",
      "       inferred: from gaps and repeats",   "AGAIN  sent again, needless ones too",
      "LATE   originals that were overtaken",     "RTT    between here and that end",
      "The chart is the last minute; loss is",    "drawn by its square root.",
  };
  std::vector<Line> lines;
  for (const auto& [key, meaning] : kKeys) {
    Line line(key, Manner::kStrong);
    line.pad(12);
    line.add(meaning);
    lines.push_back(std::move(line));
  }
  lines.emplace_back();
  for (const char* words : kWords) lines.emplace_back(words);
  return lines;
}

}  // namespace lossgazer
