// Every option of the program, declared once: help, command line, environment and file come from
// here, and so does what documents them. It reads no origin itself.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"

namespace lossgazer {

// Which commands take an option.
enum class TakenBy : uint8_t {
  kLive,
  kSniffing,  // live and `top`
  kTelling,   // live and `report`
  kJudging,   // live, `top` and `report`
  kReport,
  kTop,
};

// What a value may be the name of, for shells that complete it.
enum class Names : uint8_t { kNothing, kFile, kInterface, kUser };

struct Option {
  std::string name;  // "capture.snaplen": on the command line after "--", in a file nested at dots
  char letter = 0;   // 's' for "-s"; 0 for none
  std::string type{};      // what stands for the value in help; empty: a flag
  std::string fallback{};  // the default, for people
  std::string help{};
  TakenBy taken_by = TakenBy::kLive;
  bool finds_server = false;      // check-health takes it too: it says where and how we serve
  bool repeatable = false;        // takes any number of words
  std::string report_fallback{};  // the default of `report`, where it is another
  Names names = Names::kNothing;
  std::vector<std::string> choices{};  // the words there are, if those are few

  // Reads the words, of which there is at least one, or says with a UsageError what is wrong.
  std::function<void(Options&, const std::vector<std::string>&)> set{};
  std::function<bool(const Options&, const Options&)> same{};
  std::function<void(Options& to, const Options& from)> copy{};

  [[nodiscard]] bool is_flag() const { return type.empty(); }
  [[nodiscard]] bool is_taken_by(Options::Command command) const;
  // "--capture.snaplen" is LOSSGAZER_CAPTURE_SNAPLEN.
  [[nodiscard]] std::string environment_name() const;
};

// In the order of help.
[[nodiscard]] std::span<const Option> option_table();

// Null if there is none of that name.
[[nodiscard]] const Option* find_option(std::string_view name);

// Those in which they differ, whatever the origin.
[[nodiscard]] std::vector<const Option*> changed_options(const Options& a, const Options& b);

// The words that were given for it, or its default.
[[nodiscard]] std::string given_text(const Options& options, const Option& option);

// The name that was probably meant; empty if none comes near.
[[nodiscard]] std::string nearest_option(std::string_view name);

}  // namespace lossgazer
