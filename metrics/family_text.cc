#include "metrics/family_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <locale>
#include <string_view>
#include <utility>

namespace lossgazer {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// Prints whole numbers that a double holds exactly as "%.16g" does, without printf()'s detours.
class WholeNumbers : public std::num_put<char> {
 protected:
  iter_type do_put(iter_type out, std::ios_base& format, char fill, double value) const override {
    constexpr double kMost = 1e15;
    const bool usual = (format.flags() & ~std::ios_base::skipws) == std::ios_base::dec &&
                       format.width() == 0 &&
                       format.precision() > std::numeric_limits<double>::digits10;
    // A negative zero is printed with its sign.
    const bool whole = value >= 0 && value < kMost && !std::signbit(value) &&
                       value == static_cast<double>(static_cast<int64_t>(value));
    if (!usual || !whole) return std::num_put<char>::do_put(out, format, fill, value);
    std::array<char, 16> digits{};
    const std::to_chars_result end =
        std::to_chars(digits.begin(), digits.end(), static_cast<int64_t>(value));
    return std::copy(digits.begin(), end.ptr, out);
  }
};

const std::locale& classic_but_quick() {
  static const std::locale locale(std::locale::classic(), new WholeNumbers);
  return locale;
}

// Label names are written whole and as they are: all labels but the last value become one name.
void join(Labels& labels) {
  if (labels.size() < 2) return;
  const auto is_escaped = [](const prometheus::ClientMetric::Label& label) {
    return std::ranges::any_of(
        label.value, [](char letter) { return letter == '"' || letter == '\\' || letter == '\n'; });
  };
  size_t size = 0;
  for (const auto& label : labels) {
    if (is_escaped(label)) return;
    size += label.name.size() + label.value.size() + std::string_view("=\"\",").size();
  }
  std::string name;
  name.reserve(size);
  for (size_t i = 0; i + 1 < labels.size(); ++i) {
    name.append(labels[i].name).append("=\"").append(labels[i].value).append("\",");
  }
  name += labels.back().name;
  labels.front().name = std::move(name);
  labels.front().value = std::move(labels.back().value);
  labels.resize(1);
}

}  // namespace

FamilyText::FamilyText(size_t expected) : out_(&buffer_), one_(1) {
  buffer_.text.reserve(expected);
  buffer_.stream = &out_;
}

void FamilyText::add(prometheus::MetricFamily&& family) {
  for (prometheus::ClientMetric& metric : family.metric) join(metric.label);
  one_.front() = std::move(family);
  serializer_.Serialize(out_, one_);
}

std::streamsize FamilyText::Buffer::xsputn(const char* from, std::streamsize size) {
  text.append(from, static_cast<size_t>(size));
  return size;
}

FamilyText::Buffer::int_type FamilyText::Buffer::overflow(int_type letter) {
  if (!traits_type::eq_int_type(letter, traits_type::eof())) {
    text.push_back(traits_type::to_char_type(letter));
  }
  return traits_type::not_eof(letter);
}

// Comes last when a stream is given its locale, which may be replaced here.
void FamilyText::Buffer::imbue(const std::locale& locale) {
  if (locale == std::locale::classic() && stream != nullptr) stream->imbue(classic_but_quick());
}

}  // namespace lossgazer
