#include "metrics/json_text.h"

#include <fmt/format.h>

namespace lossgazer {

std::string json_quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string json_members(std::span<const ReportField> fields) {
  std::string text;
  std::string_view open_key;
  for (const ReportField& field : fields) {
    if (!open_key.empty() && open_key != field.key) {
      text.back() = '}';
      text += ',';
      open_key = {};
    }
    if (field.part.empty()) {
      text += fmt::format("\"{}\":{},", field.key, field.number);
    } else {
      if (open_key.empty()) text += fmt::format("\"{}\":{{", field.key);
      open_key = field.key;
      text += fmt::format("\"{}\":{},", field.part, field.number);
    }
  }
  if (text.empty()) return text;
  if (open_key.empty()) {
    text.pop_back();
  } else {
    text.back() = '}';
  }
  return text;
}

}  // namespace lossgazer
