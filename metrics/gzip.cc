#include "metrics/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>

namespace lossgazer {
namespace {

// Metrics shrink to a tenth at the fastest level already; a scrape should cost the host little.
constexpr int kLevel = 1;
// The largest window, and gzip's header and trailer rather than zlib's own.
constexpr int kWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string_view cut_at(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trim(head);
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

// Whether a weight is 0: "0", "0.", "0.000".
bool is_zero(std::string_view weight) {
  return weight.starts_with('0') && weight.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> named;
  std::optional<bool> any;
  while (!accept_encoding.empty()) {
    std::string_view entry = cut_at(accept_encoding, ',');
    const std::string_view coding = cut_at(entry, ';');
    bool taken = true;
    while (!entry.empty()) {
      const std::string_view parameter = cut_at(entry, ';');
      if (parameter.size() > 2 && equal_ignoring_case(parameter.substr(0, 2), "q=")) {
        taken = !is_zero(trim(parameter.substr(2)));
      }
    }
    if (equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip")) named = taken;
    if (coding == "*") any = taken;
  }
  return named.value_or(any.value_or(false));
}

std::optional<std::string> gzip(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return std::nullopt;
  }
  std::string packed(deflateBound(&stream, text.size()), '\0');
  // zlib only reads it, whatever its type says.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  packed.shrink_to_fit();  // it waits in memory for clients that read slowly
  return packed;
}

}  // namespace lossgazer
