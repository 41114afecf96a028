// A screen full of what the model has. It knows no terminal: size in, lines out.
#pragma once

#include <chrono>
#include <vector>

#include "app/top/model.h"
#include "app/top/screen.h"

namespace lossgazer {

// The least a screen needs.
inline constexpr ScreenSize kLeastScreen{.columns = 40, .lines = 8};

// As many lines as the screen has, or fewer; none is wider. Where the screen is too small, one
// line says so.
[[nodiscard]] std::vector<Line> render(TopModel& model, const ScreenSize& size,
                                       const Glyphs& glyphs,
                                       std::chrono::steady_clock::time_point now);

// How many peers, or lines of text, a page has.
[[nodiscard]] size_t page_of(const TopModel& model, const ScreenSize& size);

}  // namespace lossgazer
