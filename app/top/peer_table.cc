#include "app/top/peer_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "app/top/words.h"

namespace lossgazer {
namespace {

enum class Column : uint8_t {
  kPeer,
  kWay,
  kLost,
  kWhere,
  kAgain,
  kLate,
  kRtt,
  kPackets,
  kBits,
  kChart
};

struct ColumnSpec {
  Column column;
  const char* head;
  size_t least;
  size_t most;
  bool left;  // aligned
};

// As they stand.
constexpr std::array<ColumnSpec, 10> kColumns{{
    {Column::kPeer, "PEER", 15, 40, true},
    {Column::kWay, "", 1, 1, true},
    {Column::kLost, "LOST", 6, 6, false},
    {Column::kWhere, "WHERE, HOW KNOWN", 18, 18, true},
    {Column::kAgain, "AGAIN", 6, 6, false},
    {Column::kLate, "LATE", 6, 6, false},
    {Column::kRtt, "RTT", 6, 6, false},
    {Column::kPackets, "PKT/S", 5, 5, false},
    {Column::kBits, "BIT/S", 5, 5, false},
    {Column::kChart, "", 10, 30, true},
}};
// Who has room first.
constexpr std::array kImportance = {Column::kPeer,    Column::kWay,   Column::kLost, Column::kBits,
                                    Column::kAgain,   Column::kWhere, Column::kRtt,  Column::kChart,
                                    Column::kPackets, Column::kLate};

using Widths = std::array<size_t, kColumns.size()>;  // 0: not shown

// A blank stands between columns, and the mark of the selected peer before the first.
Widths widths_for(size_t columns) {
  Widths widths{};
  size_t left = columns;
  for (const Column column : kImportance) {
    const auto place = static_cast<size_t>(column);
    const size_t least = kColumns[place].least;
    if (left < least + 1) break;
    widths[place] = least;
    left -= least + 1;
  }
  const auto grow = [&](Column column, size_t most) {
    size_t& width = widths[static_cast<size_t>(column)];
    if (width == 0 || width >= most) return;
    const size_t more = std::min(left, most - width);
    width += more;
    left -= more;
  };
  grow(Column::kPeer, 22);
  grow(Column::kChart, 30);
  grow(Column::kPeer, 40);
  return widths;
}

Span quiet_if(bool quiet, std::string text) {
  return {std::move(text), quiet ? Manner::kQuiet : Manner::kPlain};
}

Span where(const BoardWay& way) {
  if (const BoardLoss* worst = way.worst()) {
    return {fmt::format("{} {}", side_word(worst->side), method_word(worst->method)),
            Manner::kPlain};
  }
  if (way.unanswered_segments > 0) {
    return {fmt::format("no answer ({})", few(way.unanswered_segments)), Manner::kBad};
  }
  return {};
}

Span cell(const BoardWay& way, Column column) {
  if (!way.known) return {column == Column::kWhere ? "" : std::string(kUnknown), Manner::kQuiet};
  switch (column) {
    case Column::kLost:
      return loss_span(way);
    case Column::kWhere:
      return where(way);
    case Column::kAgain:
      if (way.data_segments == 0) return {std::string(kUnknown), Manner::kQuiet};
      return quiet_if(way.retransmitted_segments == 0, percent(way.retransmission_ratio));
    case Column::kLate:
      return quiet_if(way.reordered_segments == 0, few(way.reordered_segments));
    case Column::kRtt:
      return quiet_if(!way.rtt_seconds, milliseconds(way.rtt_seconds));
    case Column::kPackets:
      return quiet_if(way.packets == 0, scaled(way.packets_per_second));
    case Column::kBits:
      return quiet_if(way.payload_bytes_per_second == 0, scaled(way.payload_bytes_per_second * 8));
    case Column::kPeer:
    case Column::kWay:
    case Column::kChart:
      break;
  }
  return {};
}

// What a peer is called, in the width of two lines: its name or address, then what is left to say.
std::pair<std::string, std::string> titles(const BoardPeer& peer, size_t width,
                                           const Glyphs& glyphs) {
  std::string rest = peer.name;
  if (!peer.labels.empty()) rest += (rest.empty() ? "" : ", ") + peer.labels;
  // Addresses are ASCII; those of IPv6 may need both lines.
  if (peer.peer.size() > width && rest.empty()) {
    return {peer.peer.substr(0, width), fitted(peer.peer.substr(width), width, glyphs.more)};
  }
  return {fitted(peer.peer, width, glyphs.more), fitted(rest, width, glyphs.more)};
}

class Table {
 public:
  Table(const TopModel& model, const Glyphs& glyphs, size_t columns)
      : model_(model),
        glyphs_(glyphs),
        widths_(widths_for(columns)),
        most_loss_(most_loss(*model.board())) {}

  [[nodiscard]] Line heads() const {
    Line line(" ");
    for (const ColumnSpec& spec : kColumns) {
      if (width(spec.column) == 0) continue;
      const bool chart = spec.column == Column::kChart;
      put(line, spec, {chart ? chart_head() : spec.head, Manner::kStrong});
    }
    return line;
  }

  void add(std::vector<Line>& lines, const BoardPeer& peer, bool selected) const {
    const auto [first, second] = titles(peer, width(Column::kPeer), glyphs_);
    const Manner manner = selected ? Manner::kStrong : Manner::kPlain;
    lines.push_back(row({first, manner}, glyphs_.to, peer.way(Direction::kEgress), selected));
    lines.push_back(row({second, selected ? Manner::kStrong : Manner::kQuiet}, glyphs_.from,
                        peer.way(Direction::kIngress), selected));
  }

 private:
  [[nodiscard]] size_t width(Column column) const { return widths_[static_cast<size_t>(column)]; }

  [[nodiscard]] const char* chart_head() const {
    if (model_.order() == Measure::kTraffic) return "TRAFFIC 1m";
    return model_.order() == Measure::kRtt ? "RTT, 1 min" : "LOST 1 min";
  }

  void put(Line& line, const ColumnSpec& spec, Span span) const {
    const size_t wide = width(spec.column);
    if (line.columns() > 1) line.add(" ");
    span.text = fitted(span.text, wide, glyphs_.more);
    const size_t end = line.columns() + wide;
    if (!spec.left) line.pad(end - columns_of(span.text));
    line.add(std::move(span.text), span.manner);
    line.pad(end);
  }

  [[nodiscard]] Line row(const Span& title, const char* arrow, const BoardWay& way,
                         bool selected) const {
    Line line(selected ? glyphs_.selected : " ", selected ? Manner::kStrong : Manner::kPlain);
    for (const ColumnSpec& spec : kColumns) {
      if (width(spec.column) == 0) continue;
      if (spec.column == Column::kPeer) {
        put(line, spec, title);
      } else if (spec.column == Column::kWay) {
        put(line, spec, {arrow, Manner::kPlain});
      } else if (spec.column == Column::kChart) {
        line.add(" ");
        const Line chart = chart_line(
            chart_of(way, model_.board()->steps, model_.order(), width(spec.column), most_loss_),
            model_.order(), glyphs_);
        for (const Span& span : chart.spans()) line.add(span.text, span.manner);
      } else {
        put(line, spec, cell(way, spec.column));
      }
    }
    return line;
  }

  const TopModel& model_;
  const Glyphs& glyphs_;
  const Widths widths_;
  const double most_loss_;
};

}  // namespace

Span loss_span(const BoardWay& way) {
  if (const BoardLoss* worst = way.worst()) return {percent(worst->ratio), Manner::kBad};
  const bool looked = way.data_segments + way.packets > 0;
  return {looked ? percent(0) : std::string(kUnknown), Manner::kQuiet};
}

Line chart_line(const ChartCells& cells, Measure measure, const Glyphs& glyphs) {
  Line line;
  for (const std::optional<int>& cell : cells) {
    if (!cell) {
      line.add(" ");
    } else if (*cell == 0) {
      line.add(glyphs.levels[0], Manner::kQuiet);
    } else {
      line.add(glyphs.levels[*cell], measure == Measure::kLoss ? Manner::kBad : Manner::kPlain);
    }
  }
  return line;
}

std::vector<Line> peer_table(const TopModel& model, const Glyphs& glyphs, size_t columns,
                             size_t first, size_t count) {
  const Table table(model, glyphs, columns);
  std::vector<Line> lines = {table.heads()};
  for (size_t row = first; row < std::min(first + count, model.rows().size()); ++row) {
    table.add(lines, *model.rows()[row], row == model.selected());
  }
  return lines;
}

}  // namespace lossgazer
