// The terminal: takes the screen, shows lines on it, reads keys. The only file that knows a
// terminal library is terminal.cc.
#pragma once

#include <optional>
#include <vector>

#include "app/top/model.h"
#include "app/top/screen.h"

namespace lossgazer {

// One at a time, of standard input and output. Takes the whole screen and gives it back at its end.
// It installs no signal handlers that matter: its owner blocks SIGWINCH and calls resize().
class Terminal {
 public:
  // Throws std::runtime_error if those are no terminal, or one that nothing is known of.
  static void check();
  // After check().
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] ScreenSize size() const;
  // Whether it has characters beyond ASCII.
  [[nodiscard]] bool is_utf8() const { return utf8_; }
  // Takes up the size that the window has now.
  void resize();
  void show(const std::vector<Line>& lines);

  struct Input {
    std::optional<Key> key{};  // nothing: what was pressed means nothing here, or is below
    bool end = false;          // Ctrl-C
    bool stop = false;         // Ctrl-Z
  };
  // What was typed; nothing if there is no more.
  [[nodiscard]] std::optional<Input> read();
  // Gives the terminal back, and stops this process until it is continued.
  void suspend();

 private:
  bool utf8_ = false;
  bool colours_ = false;
};

}  // namespace lossgazer
