#include "app/quantity.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace lossgazer {
namespace {

// Takes the number that `text` begins with off it.
std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  return number;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  using namespace std::chrono_literals;
  // The longer name first: "ms" is no "m".
  static constexpr std::array<std::pair<std::string_view, Duration>, 6> kUnits = {
      {{"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};
  Duration sum{};
  while (!text.empty()) {
    const std::optional<uint64_t> number = take_number(text);
    if (!number) return std::nullopt;
    bool known = false;
    for (const auto& [name, unit] : kUnits) {
      if (!text.starts_with(name)) continue;
      if (*number > static_cast<uint64_t>((Duration::max() - sum) / unit)) return std::nullopt;
      sum += static_cast<int64_t>(*number) * unit;
      text.remove_prefix(name.size());
      known = true;
      break;
    }
    if (!known) return std::nullopt;
  }
  return sum > Duration::zero() ? std::optional(sum) : std::nullopt;
}

std::optional<uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, unsigned>, 8> kUnits = {
      {{"", 0}, {"B", 0}, {"K", 10}, {"KiB", 10}, {"M", 20}, {"MiB", 20}, {"G", 30}, {"GiB", 30}}};
  const std::optional<uint64_t> number = take_number(text);
  if (!number || *number == 0) return std::nullopt;
  for (const auto& [name, shift] : kUnits) {
    if (text != name) continue;
    if (*number > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
    return *number << shift;
  }
  return std::nullopt;
}

}  // namespace lossgazer
