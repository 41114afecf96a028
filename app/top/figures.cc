#include "app/top/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lossgazer {
namespace {

constexpr double kMinute = 60;
constexpr int kFull = 8;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

// Of one step; nothing if there was none to measure.
std::optional<double> value_at(const BoardWay& way, Measure measure, size_t step, double seconds) {
  if (step >= way.packets_series.size() || way.packets_series[step] == 0) return std::nullopt;
  switch (measure) {
    case Measure::kLoss:
      return way.loss_series[step];
    case Measure::kTraffic:
      return step < way.bytes_series.size() && seconds > 0 ? way.bytes_series[step] / seconds : 0;
    case Measure::kRtt:
      return step < way.rtt_series.size() ? way.rtt_series[step] : std::nullopt;
  }
  return std::nullopt;
}

bool within_minute(const BoardStep& step) { return step.age_seconds < kMinute; }

}  // namespace

std::string percent(double ratio) {
  const double value = ratio * 100;
  if (value == 0) return "0%";
  if (value < 0.01) return "<.01%";
  return fmt::format("{:.{}f}%", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string scaled(double value) {
  static constexpr std::string_view kPrefixes = " kMGTP";
  size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const int digits = value == 0 || value >= 9.95 ? 0 : 1;
  return fmt::format("{:.{}f}{}", value, digits, kPrefixes.substr(prefix, prefix == 0 ? 0 : 1));
}

std::string few(uint64_t number) {
  return number < 1000 ? std::to_string(number) : scaled(static_cast<double>(number));
}

std::string milliseconds(std::optional<double> seconds) {
  if (!seconds) return std::string(kUnknown);
  const double ms = *seconds * 1000;
  if (ms >= 1000) return fmt::format("{:.1f}s", ms / 1000);
  return fmt::format("{:.{}f}ms", ms, ms < 1 ? 2 : ms < 100 ? 1 : 0);
}

std::string age(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f}s", std::max(0.0, std::floor(seconds)));
  if (seconds < 5400) return fmt::format("{:.0f}min", seconds / 60);
  return fmt::format("{:.0f}h", seconds / 3600);
}

std::string counted(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string fitted(std::string_view text, size_t columns, std::string_view more) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  size_t end = 0;
  for (size_t column = 0; column + 1 < columns; ++column) {
    do {
      ++end;
    } while (end < text.size() && continues(text[end]));
  }
  return std::string(text.substr(0, end)) + std::string(more);
}

ChartCells chart_of(const BoardWay& way, const std::vector<BoardStep>& steps, Measure measure,
                    size_t cells, double most_loss) {
  ChartCells chart(cells);
  double most = measure == Measure::kLoss ? most_loss : 0;
  for (size_t i = 0; measure != Measure::kLoss && i < steps.size(); ++i) {
    if (!within_minute(steps[i])) continue;
    most = std::max(most, value_at(way, measure, i, steps[i].seconds).value_or(0));
  }
  const double width = kMinute / static_cast<double>(cells);
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::optional<double> value = value_at(way, measure, i, steps[i].seconds);
    if (!value) continue;
    const double share = most > 0 ? std::min(1.0, *value / most) : 0;
    const double height = measure == Measure::kLoss ? std::sqrt(share) : share;
    const int level = static_cast<int>(std::ceil(height * kFull));
    for (size_t cell = 0; cell < cells; ++cell) {
      const double oldest = kMinute - width * static_cast<double>(cell);  // ages in this cell
      const double youngest = oldest - width;
      if (steps[i].age_seconds >= oldest) continue;
      if (steps[i].age_seconds + steps[i].seconds <= youngest) continue;
      chart[cell] = std::max(chart[cell].value_or(0), level);
    }
  }
  return chart;
}

double most_loss(const Board& board) {
  double most = 0.01;
  for (const BoardPeer& peer : board.peers) {
    for (const BoardWay& way : peer.ways) {
      for (size_t i = 0; i < std::min(way.loss_series.size(), board.steps.size()); ++i) {
        if (within_minute(board.steps[i])) most = std::max(most, way.loss_series[i]);
      }
    }
  }
  return most;
}

}  // namespace lossgazer
