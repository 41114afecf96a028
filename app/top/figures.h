// Numbers as people read them, in few columns, and charts of one line. As on the page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/top/board.h"

namespace lossgazer {

// What stands for a number that is not known.
inline constexpr std::string_view kUnknown = "-";

[[nodiscard]] std::string percent(double ratio);                // "3.90%"
[[nodiscard]] std::string scaled(double value);                 // "12M", "1.2k"
[[nodiscard]] std::string few(uint64_t number);                 // "999", "1.2k"
[[nodiscard]] std::string milliseconds(std::optional<double>);  // "1.25ms", "2.1s"
[[nodiscard]] std::string age(double seconds);                  // "12s", "3min"
[[nodiscard]] std::string counted(uint64_t number);             // "1,234,567"

// How many columns UTF-8 text takes, each character one.
[[nodiscard]] size_t columns_of(std::string_view text);
// At most so many columns: what is cut off ends with `more`, which is one column wide.
[[nodiscard]] std::string fitted(std::string_view text, size_t columns, std::string_view more);

// What a chart shows, and of which step.
enum class Measure : uint8_t { kLoss, kTraffic, kRtt };

// A chart's cells: nothing where nothing is known, 0 to 8 elsewhere: 0 is quiet but for traffic.
using ChartCells = std::vector<std::optional<int>>;
// The last minute in `cells` columns, the present at the right. Loss is drawn by its square root,
// so that 1 % is seen beside 20 %, with `most` as a full cell; the others by the way's own greatest
// value.
[[nodiscard]] ChartCells chart_of(const BoardWay& way, const std::vector<BoardStep>& steps,
                                  Measure measure, size_t cells, double most_loss);
// The greatest loss of any step of the last minute on the board, or 1 % if that is more.
[[nodiscard]] double most_loss(const Board& board);

}  // namespace lossgazer
