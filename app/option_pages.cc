#include "app/option_pages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

#include "app/option_table.h"

namespace lossgazer {
namespace {

// Of one character another text.
std::string escaped(std::string_view text, const std::map<char, std::string_view>& escapes) {
  std::string result;
  for (const char c : text) {
    const auto escape = escapes.find(c);
    escape == escapes.end() ? result += c : result += escape->second;
  }
  return result;
}

// The manual page, in roff.

// A line of text, in which `words` between backquotes are to be typed.
std::string roff(std::string_view text) {
  const std::map<char, std::string_view> escapes = {
      {'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
  std::string result;
  bool typed = false;
  for (const char c : escaped(text, escapes)) {
    if (c != '`') {
      result += c;
      continue;
    }
    typed = !typed;
    result += typed ? "\\fB" : "\\fR";
  }
  return result;
}

std::string capitalised(std::string text) {
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

std::string manual_entry(const Option& option) {
  std::string entry = ".TP\n";
  if (option.letter != 0) entry += fmt::format("\\fB\\-{}\\fR, ", option.letter);
  entry += fmt::format("\\fB{}\\fR", roff("--" + option.name));
  if (!option.is_flag()) entry += fmt::format(" \\fI{}\\fR", roff(option.type));
  entry += fmt::format("\n{}.\n", roff(capitalised(option.help)));
  const bool help_has_them = std::ranges::all_of(option.choices, [&](const std::string& choice) {
    return option.help.find(choice) != std::string::npos;
  });
  if (!help_has_them) entry += fmt::format("Those are {}.\n", fmt::join(option.choices, ", "));
  if (option.repeatable) entry += "May be given several times.\n";
  entry += roff(fmt::format("Default: {}", option.fallback));
  if (!option.report_fallback.empty()) {
    entry += roff(fmt::format("; in a report: {}", option.report_fallback));
  }
  entry += ".\n";
  if (option.taken_by == TakenBy::kLive) entry += "Not for top and reports.\n";
  if (option.taken_by == TakenBy::kSniffing) entry += "Not for reports.\n";
  if (option.taken_by == TakenBy::kReport) entry += "For reports alone.\n";
  if (option.taken_by == TakenBy::kTop) entry += "For top alone.\n";
  return entry;
}

std::string manual_options() {
  std::string text;
  for (const Option& option : option_table()) text += manual_entry(option);
  return text;
}

// Words of a shell.

std::vector<std::string> written(const Option& option) {
  std::vector<std::string> words;
  if (option.letter != 0) words.push_back(fmt::format("-{}", option.letter));
  words.push_back("--" + option.name);
  return words;
}

bool takes_list(const Option& option) { return option.type == "LIST"; }

// For bash: the option words of a command, to be offered.

std::string bash_options(Options::Command command) {
  std::string text;
  for (const Option& option : option_table()) {
    if (option.is_taken_by(command)) text += fmt::format("      --{}\n", option.name);
  }
  return text;
}

std::string bash_values_of(const Option& option) {
  switch (option.names) {
    case Names::kFile:
      return "_lossgazer_files";
    case Names::kInterface:
      return "_lossgazer_words \"any $(command ls /sys/class/net 2>/dev/null)\"";
    case Names::kUser:
      return "_lossgazer_words \"$(compgen -u)\"";
    case Names::kNothing:
      break;
  }
  if (option.choices.empty()) return ":";  // anything
  return fmt::format("{} '{}'", takes_list(option) ? "_lossgazer_list" : "_lossgazer_words",
                     fmt::join(option.choices, " "));
}

std::string bash_values() {
  std::string text;
  for (const Option& option : option_table()) {
    if (option.is_flag()) continue;
    text +=
        fmt::format("    {}) {} ;;\n", fmt::join(written(option), " | "), bash_values_of(option));
  }
  return text;
}

std::string bash_valued() {
  std::vector<std::string> words;
  for (const Option& option : option_table()) {
    if (option.is_flag()) continue;
    for (std::string& word : written(option)) words.push_back(std::move(word));
  }
  return fmt::format("      {})\n", fmt::join(words, " | \\\n        "));
}

// For zsh: specifications for _arguments.

std::string zsh_values_of(const Option& option) {
  switch (option.names) {
    case Names::kFile:
      return "_files";
    case Names::kInterface:
      return "_lossgazer_interfaces";
    case Names::kUser:
      return "_users";
    case Names::kNothing:
      break;
  }
  if (option.choices.empty()) return " ";  // anything, but with its name shown
  if (takes_list(option)) {
    return fmt::format("_values -s , {} {}", option.type, fmt::join(option.choices, " "));
  }
  return fmt::format("({})", fmt::join(option.choices, " "));
}

std::string zsh_option(const Option& option) {
  const std::string help = escaped(
      option.help, {{'\'', "'\\''"}, {'[', "\\["}, {']', "\\]"}, {'\\', "\\\\"}, {'`', "\""}});
  const std::vector<std::string> words = written(option);
  std::string spec = "    ";
  if (option.repeatable) {
    spec += words.size() > 1 ? "'*'" : "";
  } else if (words.size() > 1) {
    spec += fmt::format("'({})'", fmt::join(words, " "));
  }
  const std::string_view value = option.is_flag() ? "" : "=";
  if (words.size() > 1) {
    spec += fmt::format("{{{}{},{}{}}}'", words[0], option.is_flag() ? "" : "+", words[1], value);
  } else {
    spec += fmt::format("'{}{}{}", option.repeatable ? "*" : "", words[0], value);
  }
  spec += fmt::format("[{}]", help);
  if (!option.is_flag()) spec += fmt::format(":{}:{}", option.type, zsh_values_of(option));
  return spec + "'\n";
}

std::string zsh_options(Options::Command command) {
  std::string text;
  for (const Option& option : option_table()) {
    if (option.is_taken_by(command)) text += zsh_option(option);
  }
  return text;
}

using Filler = std::function<std::string()>;
const std::map<std::string_view, Filler>& fillers() {
  using Command = Options::Command;
  static const std::map<std::string_view, Filler> all = {
      {"@MANUAL_OPTIONS@", manual_options},
      {"@BASH_LIVE_OPTIONS@", [] { return bash_options(Command::kLive); }},
      {"@BASH_REPORT_OPTIONS@", [] { return bash_options(Command::kReport); }},
      {"@BASH_TOP_OPTIONS@", [] { return bash_options(Command::kTop); }},
      {"@BASH_HEALTH_OPTIONS@", [] { return bash_options(Command::kCheckHealth); }},
      {"@BASH_VALUED_OPTIONS@", bash_valued},
      {"@BASH_VALUES@", bash_values},
      {"@ZSH_LIVE_OPTIONS@", [] { return zsh_options(Command::kLive); }},
      {"@ZSH_REPORT_OPTIONS@", [] { return zsh_options(Command::kReport); }},
      {"@ZSH_TOP_OPTIONS@", [] { return zsh_options(Command::kTop); }},
      {"@ZSH_HEALTH_OPTIONS@", [] { return zsh_options(Command::kCheckHealth); }},
  };
  return all;
}

}  // namespace

std::string fill_option_page(std::string_view layout) {
  std::string page;
  while (!layout.empty()) {
    const std::string_view line = layout.substr(0, layout.find('\n'));
    layout.remove_prefix(std::min(line.size() + 1, layout.size()));
    if (line.size() < 2 || line.front() != '@' || line.back() != '@') {
      page += fmt::format("{}\n", line);
      continue;
    }
    const auto filler = fillers().find(line);
    if (filler == fillers().end()) {
      throw std::invalid_argument(fmt::format("{}: no such mark", line));
    }
    page += filler->second();
  }
  return page;
}

}  // namespace lossgazer
