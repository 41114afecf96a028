// Lines of text with their manner: what a renderer makes, and a terminal shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "app/top/figures.h"

namespace lossgazer {

enum class Manner : uint8_t {
  kPlain,
  kStrong,   // headings, and what is selected
  kQuiet,    // zeros, and what does not change
  kBad,      // losses
  kWarning,  // what is shown is old or not whole
};

struct Span {
  std::string text{};
  Manner manner = Manner::kPlain;
};

class Line {
 public:
  Line() = default;
  explicit Line(std::string text, Manner manner = Manner::kPlain) { add(std::move(text), manner); }

  void add(std::string text, Manner manner = Manner::kPlain) {
    columns_ += columns_of(text);
    if (!text.empty()) spans_.push_back({std::move(text), manner});
  }
  // Blanks up to that column.
  void pad(size_t column) {
    if (columns_ < column) add(std::string(column - columns_, ' '));
  }
  [[nodiscard]] size_t columns() const { return columns_; }
  [[nodiscard]] const std::vector<Span>& spans() const { return spans_; }
  // Without its manners.
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const Span& span : spans_) text += span.text;
    return text;
  }

 private:
  std::vector<Span> spans_;
  size_t columns_ = 0;
};

// A terminal's size in characters.
struct ScreenSize {
  size_t columns = 80;
  size_t lines = 24;
  bool operator==(const ScreenSize&) const = default;
};

// The characters beside ASCII; where a terminal has none, what stands for them.
struct Glyphs {
  const char* to = "→";
  const char* from = "←";
  const char* selected = "▸";
  const char* more = "…";
  const char* line = "─";
  const char* levels[9] = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

  [[nodiscard]] static Glyphs ascii() {
    return {.to = ">",
            .from = "<",
            .selected = "*",
            .more = "~",
            .line = "-",
            .levels = {".", "_", "_", ":", ":", "+", "+", "#", "#"}};
  }
};

}  // namespace lossgazer
