#include "app/top/terminal.h"

#define NCURSES_NOMACROS 1  // the library's functions alone
#include <curses.h>
#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

// term.h has a macro for each capability of terminals, with names that are everybody's.
#undef columns
#undef lines

namespace lossgazer {
namespace {

constexpr short kRedPair = 1;
constexpr short kYellowPair = 2;
constexpr wint_t kCtrlC = 3;
constexpr wint_t kCtrlZ = 26;
constexpr int kEscapeDelay = 50;  // milliseconds in which the rest of a key's sequence comes

// The variable that says which characters the user's terminal has.
std::string_view asked_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "";
}

bool set_locale() {
  const std::string_view asked = asked_locale();
  const bool means_utf8 =
      asked.find("UTF-8") != std::string_view::npos || asked.find("utf8") != std::string_view::npos;
  // An image of the program alone has no locales, but the C library has this one built in.
  if (std::setlocale(LC_CTYPE, "") == nullptr && means_utf8) {
    (void)std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  return std::string_view(nl_langinfo(CODESET)) == "UTF-8";
}

attr_t attributes_of(Manner manner, bool colours) {
  switch (manner) {
    case Manner::kPlain:
      return A_NORMAL;
    case Manner::kStrong:
      return A_BOLD;
    case Manner::kQuiet:
      return A_DIM;
    case Manner::kBad:
      return A_BOLD | (colours ? static_cast<attr_t>(COLOR_PAIR(kRedPair)) : A_NORMAL);
    case Manner::kWarning:
      return A_BOLD | (colours ? static_cast<attr_t>(COLOR_PAIR(kYellowPair)) : A_NORMAL);
  }
  return A_NORMAL;
}

std::optional<KeyKind> kind_of(wint_t code) {
  switch (code) {
    case KEY_UP:
      return KeyKind::kUp;
    case KEY_DOWN:
      return KeyKind::kDown;
    case KEY_PPAGE:
      return KeyKind::kPageUp;
    case KEY_NPAGE:
      return KeyKind::kPageDown;
    case KEY_HOME:
      return KeyKind::kHome;
    case KEY_END:
      return KeyKind::kEnd;
    case KEY_ENTER:
    case KEY_RIGHT:
      return KeyKind::kEnter;
    case KEY_LEFT:
      return KeyKind::kEscape;
    case KEY_BACKSPACE:
      return KeyKind::kErase;
    default:
      return std::nullopt;
  }
}

std::string utf8(wint_t character) {
  const auto code = static_cast<uint32_t>(character);
  const auto byte = [](uint32_t bits) { return static_cast<char>(bits); };
  const auto more = [&](int shift) { return byte(0x80U | (code >> shift & 0x3fU)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0U | code >> 6), more(0)};
  if (code < 0x10000) return {byte(0xe0U | code >> 12), more(6), more(0)};
  return {byte(0xf0U | code >> 18), more(12), more(6), more(0)};
}

}  // namespace

// newterm() itself would say less.
void Terminal::check() {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    throw std::runtime_error(
        "top: standard input and output are not a terminal: run it in one (with ssh, by `ssh -t`), "
        "or ask for /api/v1/peers");
  }
  const char* type = std::getenv("TERM");
  int error = 0;
  if (type != nullptr && setupterm(type, STDOUT_FILENO, &error) == OK) {
    const bool cursor_moves = tigetstr("cup") != nullptr;
    del_curterm(cur_term);
    if (cursor_moves) return;
    throw std::runtime_error(
        fmt::format("top: drive the terminal (TERM={}): its cursor cannot be moved", type));
  }
  throw std::runtime_error(fmt::format(
      "top: find out how to drive the terminal (TERM={}): {}", type == nullptr ? "" : type,
      error == 0 ? "nothing is known of it here; set TERM to one that is known, such as "
                   "xterm-256color, xterm or vt100"
                 : "there is no terminfo database; TERMINFO may name the folder of one"));
}

Terminal::Terminal() {
  utf8_ = set_locale();
  set_escdelay(kEscapeDelay);
  if (newterm(nullptr, stdout, stdin) == nullptr) {
    throw std::runtime_error(
        fmt::format("top: take the terminal (TERM={}): it cannot be used", std::getenv("TERM")));
  }
  raw();
  noecho();
  nonl();
  curs_set(0);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  // NO_COLOR: no-color.org.
  const char* no_color = std::getenv("NO_COLOR");
  if ((no_color == nullptr || *no_color == '\0') && has_colors()) {
    start_color();
    colours_ = use_default_colors() == OK && init_pair(kRedPair, COLOR_RED, -1) == OK &&
               init_pair(kYellowPair, COLOR_YELLOW, -1) == OK;
  }
}

Terminal::~Terminal() { endwin(); }

ScreenSize Terminal::size() const {
  return {.columns = static_cast<size_t>(getmaxx(stdscr)),
          .lines = static_cast<size_t>(getmaxy(stdscr))};
}

void Terminal::resize() {
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0) return;
  resizeterm(window.ws_row, window.ws_col);
  clearok(curscr, TRUE);
}

void Terminal::show(const std::vector<Line>& lines) {
  werase(stdscr);
  int row = 0;
  for (const Line& line : lines) {
    wmove(stdscr, row++, 0);
    for (const Span& span : line.spans()) {
      wattrset(stdscr, static_cast<int>(attributes_of(span.manner, colours_)));
      waddnstr(stdscr, span.text.data(), static_cast<int>(span.text.size()));
    }
  }
  wattrset(stdscr, A_NORMAL);
  wrefresh(stdscr);
}

std::optional<Terminal::Input> Terminal::read() {
  wint_t code = 0;
  const int kind = wget_wch(stdscr, &code);
  if (kind == ERR) return std::nullopt;
  if (kind == KEY_CODE_YES) {
    const std::optional<KeyKind> known = kind_of(code);
    return known ? Input{.key = Key{.kind = *known}} : Input{};
  }
  switch (code) {
    case kCtrlC:
      return Input{.end = true};
    case kCtrlZ:
      return Input{.stop = true};
    case '\r':
    case '\n':
      return Input{.key = Key{.kind = KeyKind::kEnter}};
    case 27:
      return Input{.key = Key{.kind = KeyKind::kEscape}};
    case 8:
    case 127:
      return Input{.key = Key{.kind = KeyKind::kErase}};
    default:
      if (code < ' ') return Input{};
      return Input{.key = Key{.kind = KeyKind::kText, .text = utf8(code)}};
  }
}

void Terminal::suspend() {
  endwin();
  (void)raise(SIGSTOP);
  resize();
  wrefresh(stdscr);
}

}  // namespace lossgazer
