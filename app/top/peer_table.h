// The table of peers, two lines each: which columns fit, and what stands in them.
#pragma once

#include <cstddef>
#include <vector>

#include "app/top/model.h"
#include "app/top/screen.h"

namespace lossgazer {

// The heads, and two lines for each of `count` peers from row `first` on.
[[nodiscard]] std::vector<Line> peer_table(const TopModel& model, const Glyphs& glyphs,
                                           size_t columns, size_t first, size_t count);

// A chart of cells as text.
[[nodiscard]] Line chart_line(const ChartCells& cells, Measure measure, const Glyphs& glyphs);

// A share with its losses made loud and its zeros quiet.
[[nodiscard]] Span loss_span(const BoardWay& way);

}  // namespace lossgazer
