// What `top` shows, and how keys change it: order, filter, selection, freeze, details, help. It
// knows no terminal and reads no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/top/board.h"
#include "app/top/figures.h"

namespace lossgazer {

enum class KeyKind : uint8_t {
  kText,
  kUp,
  kDown,
  kPageUp,
  kPageDown,
  kHome,
  kEnd,
  kEnter,
  kEscape,
  kErase,
};

struct Key {
  KeyKind kind = KeyKind::kText;
  std::string text{};  // of kText: one character, in UTF-8
};

class TopModel {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class View : uint8_t { kPeers, kDetails, kHelp };

  // `source`: whose numbers these are, in words.
  explicit TopModel(std::string source) : source_(std::move(source)) {}

  void take(std::shared_ptr<const Board> board, Time now);
  // There is no new board: why.
  void miss(std::string why);
  // Does what the key is for; false if that is the end. `page`: how many peers fit the screen.
  [[nodiscard]] bool press(const Key& key, size_t page, Time now);

  [[nodiscard]] const std::string& source() const { return source_; }
  // Null before the first one.
  [[nodiscard]] const Board* board() const { return board_.get(); }
  // When the board shown came.
  [[nodiscard]] Time board_came() const { return board_came_; }
  // Why what is shown is old; empty if it is not.
  [[nodiscard]] const std::string& missed() const { return missed_; }
  // Since when it is frozen; nothing if it is not.
  [[nodiscard]] std::optional<Time> frozen() const { return frozen_; }

  [[nodiscard]] View view() const { return view_; }
  [[nodiscard]] Measure order() const { return order_; }
  [[nodiscard]] const std::string& filter() const { return filter_; }
  [[nodiscard]] bool filter_is_typed() const { return typing_; }
  [[nodiscard]] bool lossy_only() const { return lossy_only_; }

  // Of the board, those that pass the filter, in order.
  [[nodiscard]] const std::vector<const BoardPeer*>& rows() const { return rows_; }
  // Which of the rows is selected: one there is, or 0.
  [[nodiscard]] size_t selected() const { return selected_; }
  // Whose details are shown; null if the board has that peer no more.
  [[nodiscard]] const BoardPeer* detailed() const;
  // That peer's identity, whether the board has it or not.
  [[nodiscard]] const std::string& detailed_identity() const { return detailed_; }
  // By how many lines the details and the help are scrolled, at most: who draws knows the end.
  [[nodiscard]] size_t scrolled() const { return scrolled_; }
  void limit_scroll(size_t lines) { scrolled_ = std::min(scrolled_, lines); }

 private:
  void arrange();
  void select(size_t row);
  [[nodiscard]] bool press_in_peers(const Key& key, size_t page);
  void press_in_text(const Key& key, size_t page);
  void type(const Key& key);
  void toggle_freeze(Time now);
  void show(View view);

  std::string source_;
  std::shared_ptr<const Board> board_;
  std::shared_ptr<const Board> waiting_;  // came while frozen
  Time board_came_{};
  Time waiting_came_{};
  std::string missed_;
  std::optional<Time> frozen_;
  View view_ = View::kPeers;
  Measure order_ = Measure::kLoss;
  std::string filter_;
  bool typing_ = false;
  bool lossy_only_ = false;
  std::vector<const BoardPeer*> rows_;
  size_t selected_ = 0;
  std::string selected_identity_;  // empty: whoever stands first
  std::string detailed_;
  size_t scrolled_ = 0;
};

}  // namespace lossgazer
