// What documents the options outside of the program: its manual page, and what shells complete.
// Each page is a layout, in packaging, with marks that the option table fills. It reads no file
// itself.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace lossgazer {

// In the folder packaging. The layout of each has ".in" after its name.
inline constexpr std::array<std::string_view, 3> kOptionPages = {
    "man/lossgazer.8", "completions/lossgazer.bash", "completions/_lossgazer"};

// The layout with the right text in place of its lines that are a mark, such as "@MANUAL_OPTIONS@".
// Throws std::invalid_argument for a mark that means nothing.
[[nodiscard]] std::string fill_option_page(std::string_view layout);

}  // namespace lossgazer
