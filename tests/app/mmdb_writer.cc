#include "tests/app/mmdb_writer.h"

#include <array>
#include <cstddef>

namespace lossgazer::test {
namespace {

enum class Type : uint8_t {
  kText = 2,
  kUint16 = 5,
  kUint32 = 6,
  kMap = 7,
  kArray = 11,
  kUint64 = 9
};

constexpr size_t kSeparatorSize = 16;
constexpr int kMappedBits = 96;

void put_control(std::string& out, Type type, size_t size) {
  const auto number = static_cast<unsigned>(type);
  const unsigned type_bits = number <= 7 ? number << 5 : 0;
  const auto size_bits = static_cast<unsigned>(size < 29 ? size : 29);
  out += static_cast<char>(type_bits | size_bits);
  if (number > 7) out += static_cast<char>(number - 7);
  if (size >= 29) out += static_cast<char>(size - 29);  // up to 284
}

void put_text(std::string& out, const std::string& text) {
  put_control(out, Type::kText, text.size());
  out += text;
}

void put_number(std::string& out, Type type, uint64_t number) {
  const size_t size = type == Type::kUint16 ? 2 : type == Type::kUint32 ? 4 : 8;
  put_control(out, type, size);
  for (size_t i = size; i > 0; --i) out += static_cast<char>(number >> (8 * (i - 1)) & 0xff);
}

void put(std::string& out, const MmdbValue& value);

void put_map(std::string& out, const MmdbValue::Map& map) {
  put_control(out, Type::kMap, map.size());
  for (const auto& [key, value] : map) {
    put_text(out, key);
    put(out, value);
  }
}

void put(std::string& out, const MmdbValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.value)) put_text(out, *text);
  if (const auto* number = std::get_if<uint32_t>(&value.value)) {
    put_number(out, Type::kUint32, *number);
  }
  if (const auto* map = std::get_if<MmdbValue::Map>(&value.value)) put_map(out, *map);
}

}  // namespace

std::string mmdb(const std::string& type, int ip_version, const std::vector<MmdbEntry>& entries) {
  // A record leads to a node (its number), to nothing, or to data.
  constexpr int64_t kNothing = -1;
  struct Record {
    int64_t node = kNothing;
    int64_t data = kNothing;  // offset in the data section
  };
  std::vector<std::array<Record, 2>> nodes(1);
  std::string data;
  for (const MmdbEntry& entry : entries) {
    const bool v4 = entry.network.address().is_v4();
    std::array<uint8_t, 16> bytes = entry.network.address().bytes();
    if (v4) bytes[10] = bytes[11] = 0;
    const int first = v4 && ip_version == 4 ? kMappedBits : 0;
    size_t node = 0;
    for (int bit = first; bit < entry.network.mapped_length(); ++bit) {
      const auto at = static_cast<size_t>(bit);
      const size_t side = bytes[at / 8] >> (7 - at % 8) & 1;
      if (bit + 1 == entry.network.mapped_length()) {
        nodes[node][side].data = static_cast<int64_t>(data.size());
      } else if (nodes[node][side].node == kNothing) {
        nodes[node][side].node = static_cast<int64_t>(nodes.size());
        node = nodes.size();
        nodes.emplace_back();
      } else {
        node = static_cast<size_t>(nodes[node][side].node);
      }
    }
    put_map(data, entry.data);
  }

  std::string file;
  for (const auto& node : nodes) {
    for (const Record& record : node) {
      size_t number = nodes.size();
      if (record.node != kNothing) number = static_cast<size_t>(record.node);
      if (record.data != kNothing) {
        number = nodes.size() + kSeparatorSize + static_cast<size_t>(record.data);
      }
      for (const int shift : {16, 8, 0}) file += static_cast<char>(number >> shift & 0xff);
    }
  }
  file.append(kSeparatorSize, '\0');
  file += data;
  file += "\xab\xcd\xefMaxMind.com";
  put_control(file, Type::kMap, 9);
  put_text(file, "binary_format_major_version");
  put_number(file, Type::kUint16, 2);
  put_text(file, "binary_format_minor_version");
  put_number(file, Type::kUint16, 0);
  put_text(file, "build_epoch");
  put_number(file, Type::kUint64, 1'766'000'000);
  put_text(file, "database_type");
  put_text(file, type);
  put_text(file, "description");
  put_control(file, Type::kMap, 0);
  put_text(file, "ip_version");
  put_number(file, Type::kUint16, static_cast<uint64_t>(ip_version));
  put_text(file, "languages");
  put_control(file, Type::kArray, 0);
  put_text(file, "node_count");
  put_number(file, Type::kUint32, nodes.size());
  put_text(file, "record_size");
  put_number(file, Type::kUint16, 24);
  return file;
}

}  // namespace lossgazer::test
