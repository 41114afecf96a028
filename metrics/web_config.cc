#include "metrics/web_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "metrics/yaml_document.h"

namespace lossgazer {
namespace {

// bcrypt's work doubles with each: 16 takes seconds, and more would keep its user out.
constexpr int kCostMin = 4;
constexpr int kCostMax = 16;

// "$2y$10$", then 22 characters of salt and 31 of hash.
constexpr size_t kBcryptLength = 60;

template <typename T>
using Names = std::vector<std::pair<std::string, T>>;

const Names<ClientAuth>& client_auth_names() {
  static const Names<ClientAuth> names = {
      {"NoClientCert", ClientAuth::kNoClientCert},
      {"RequestClientCert", ClientAuth::kRequestClientCert},
      {"RequireAnyClientCert", ClientAuth::kRequireAnyClientCert},
      {"RequireClientCert", ClientAuth::kRequireAnyClientCert},  // of old
      {"VerifyClientCertIfGiven", ClientAuth::kVerifyClientCertIfGiven},
      {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerifyClientCert},
  };
  return names;
}

const Names<TlsVersion>& tls_version_names() {
  static const Names<TlsVersion> names = {
      {"TLS10", TlsVersion::kTls10},
      {"TLS11", TlsVersion::kTls11},
      {"TLS12", TlsVersion::kTls12},
      {"TLS13", TlsVersion::kTls13},
  };
  return names;
}

// What each header may say; nothing listed: anything.
const Names<std::vector<std::string>>& header_names() {
  static const Names<std::vector<std::string>> names = {
      {"Content-Security-Policy", {}},
      {"Strict-Transport-Security", {}},
      {"X-Content-Type-Options", {"nosniff"}},
      {"X-Frame-Options", {"deny", "sameorigin"}},
      {"X-XSS-Protection", {}},
  };
  return names;
}

template <typename T>
std::string choices(const Names<T>& names) {
  std::vector<std::string> words;
  words.reserve(names.size());
  for (const auto& [name, value] : names) words.push_back(name);
  return fmt::format("{}", fmt::join(words, ", "));
}

// Go's durations: "1s", "1m30s", "0.5s", and 0.
std::optional<std::chrono::nanoseconds> parse_go_duration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  static const Names<double> units = {{"ns", 1},  {"us", 1e3}, {"µs", 1e3},  {"ms", 1e6},
                                      {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  double total = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [rest, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || text.front() == '-' || !std::isfinite(number)) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(rest - text.data()));
    const size_t length = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit =
        std::ranges::find(units, text.substr(0, length), &Names<double>::value_type::first);
    if (unit == units.end()) return std::nullopt;
    text.remove_prefix(length);
    total += number * unit->second;
  }
  if (total > 86400e9) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<int64_t>(total));
}

// Why it is no hash that can be checked, in words that do not show it; nothing if it is one.
std::optional<std::string> why_no_bcrypt(std::string_view hash) {
  const bool shape =
      hash.size() == kBcryptLength &&
      (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$")) &&
      hash[6] == '$' && std::ranges::all_of(hash.substr(7), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '/';
      });
  int cost = 0;
  if (!shape || std::from_chars(&hash[4], &hash[6], cost).ptr != &hash[6]) {
    return "not a bcrypt hash ($2y$COST$ and 53 more characters); 'htpasswd -nBC 10 USER' makes "
           "one";
  }
  if (cost < kCostMin || cost > kCostMax) {
    return fmt::format("its bcrypt cost is {}, which is not from {} to {}", cost, kCostMin,
                       kCostMax);
  }
  return std::nullopt;
}

// Reads one file's nodes, and knows where what is wrong stands.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  using Field = std::function<void(const YAML::Node&)>;
  using Fields = std::map<std::string, Field>;

  [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const {
    throw WebConfigError(fmt::format("{}:{}: {}", file_, node.Mark().line + 1, what));
  }

  // Calls `each` with every key, of which none may come twice.
  void each_entry(const YAML::Node& node, const std::string& name,
                  const std::function<void(const YAML::Node&, const YAML::Node&)>& each) const {
    if (node.IsNull()) return;
    if (!node.IsMap()) fail(node, name + ": not keys and their values");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) fail(entry.first, name + ": a key that is no text");
      if (!seen.insert(entry.first.Scalar()).second) {
        fail(entry.first, fmt::format("{}: given twice", entry.first.Scalar()));
      }
      each(entry.first, entry.second);
    }
  }

  void read_fields(const YAML::Node& node, const std::string& name, const Fields& fields) const {
    each_entry(node, name, [&](const YAML::Node& key, const YAML::Node& value) {
      const auto field = fields.find(key.Scalar());
      if (field == fields.end()) {
        std::vector<std::string> known;
        known.reserve(fields.size());
        for (const auto& [known_name, ignored] : fields) known.push_back(known_name);
        fail(key, fmt::format("{}: unknown key{}; known are {}", key.Scalar(),
                              name.empty() ? "" : " of " + name, fmt::join(known, ", ")));
      }
      field->second(value);
    });
  }

  // Empty for null.
  [[nodiscard]] std::string text(const YAML::Node& node, const std::string& name) const {
    if (node.IsNull()) return "";
    if (!node.IsScalar()) fail(node, name + ": not a text");
    return node.Scalar();
  }
  [[nodiscard]] std::string path(const YAML::Node& node, const std::string& name) const {
    const std::filesystem::path path(text(node, name));
    if (path.empty() || path.is_absolute()) return path.string();
    return (std::filesystem::path(file_).parent_path() / path).string();
  }
  [[nodiscard]] std::vector<std::string> list(const YAML::Node& node,
                                              const std::string& name) const {
    std::vector<std::string> words;
    if (node.IsNull()) return words;
    if (!node.IsSequence()) fail(node, name + ": not a list");
    for (const YAML::Node& word : node) words.push_back(text(word, name));
    return words;
  }
  [[nodiscard]] bool boolean(const YAML::Node& node, const std::string& name) const {
    bool value = false;
    if (!YAML::convert<bool>::decode(node, value)) fail(node, name + ": neither true nor false");
    return value;
  }
  template <typename T>
  [[nodiscard]] T one_of(const YAML::Node& node, const std::string& name,
                         const Names<T>& names) const {
    const std::string word = text(node, name);
    const auto found = std::ranges::find(names, word, &Names<T>::value_type::first);
    if (found == names.end()) {
      fail(node, fmt::format("{}: '{}' is not one of {}", name, word, choices(names)));
    }
    return found->second;
  }

 private:
  std::string file_;
};

void check_tls(const Reader& reader, const YAML::Node& node, const TlsServerConfig& tls) {
  const auto one_source = [&](const PemSource& source, const char* name, bool needed) {
    if (needed && source.empty()) {
      reader.fail(node, fmt::format("tls_server_config: needs {0}_file (or {0})", name));
    }
    if (!source.text.empty() && !source.file.empty()) {
      reader.fail(node, fmt::format("tls_server_config: give {0} or {0}_file, not both", name));
    }
  };
  one_source(tls.cert, "cert", true);
  one_source(tls.key, "key", true);
  one_source(tls.client_ca, "client_ca", false);
  const bool verifies = tls.client_auth == ClientAuth::kVerifyClientCertIfGiven ||
                        tls.client_auth == ClientAuth::kRequireAndVerifyClientCert;
  if (verifies && tls.client_ca.empty()) {
    reader.fail(node, "client_auth_type: verifies certificates, but there is no client_ca_file");
  }
  if (!tls.client_ca.empty() && tls.client_auth == ClientAuth::kNoClientCert) {
    reader.fail(node,
                "client_ca_file: not used unless client_auth_type asks for certificates; "
                "RequireAndVerifyClientCert does");
  }
  if (!tls.client_allowed_sans.empty() && tls.client_auth != ClientAuth::kRequireAnyClientCert &&
      tls.client_auth != ClientAuth::kRequireAndVerifyClientCert) {
    reader.fail(node,
                "client_allowed_sans: not used unless client_auth_type is RequireAnyClientCert or "
                "RequireAndVerifyClientCert");
  }
  if (tls.min_version > tls.max_version) {
    reader.fail(node, "min_version: newer than max_version");
  }
}

std::optional<TlsServerConfig> read_tls(const Reader& reader, const YAML::Node& node) {
  TlsServerConfig tls;
  const auto pem_text = [&reader](PemSource& source, const char* name) {
    return [&, name](const YAML::Node& value) { source.text = reader.text(value, name); };
  };
  const auto pem_file = [&reader](PemSource& source, const char* name) {
    return [&, name](const YAML::Node& value) { source.file = reader.path(value, name); };
  };
  reader.read_fields(
      node, "tls_server_config",
      {{"cert", pem_text(tls.cert, "cert")},
       {"cert_file", pem_file(tls.cert, "cert_file")},
       {"key", pem_text(tls.key, "key")},
       {"key_file", pem_file(tls.key, "key_file")},
       {"client_ca", pem_text(tls.client_ca, "client_ca")},
       {"client_ca_file", pem_file(tls.client_ca, "client_ca_file")},
       {"client_auth_type",
        [&](const YAML::Node& value) {
          if (reader.text(value, "client_auth_type").empty()) return;
          tls.client_auth = reader.one_of(value, "client_auth_type", client_auth_names());
        }},
       {"client_allowed_sans",
        [&](const YAML::Node& value) {
          tls.client_allowed_sans = reader.list(value, "client_allowed_sans");
          // An empty list would let nobody in, or be no condition at all: not to be guessed.
          if (tls.client_allowed_sans.empty()) reader.fail(value, "client_allowed_sans: empty");
        }},
       {"min_version",
        [&](const YAML::Node& value) {
          tls.min_version = reader.one_of(value, "min_version", tls_version_names());
        }},
       {"max_version",
        [&](const YAML::Node& value) {
          tls.max_version = reader.one_of(value, "max_version", tls_version_names());
        }},
       {"cipher_suites",
        [&](const YAML::Node& value) { tls.cipher_suites = reader.list(value, "cipher_suites"); }},
       {"prefer_server_cipher_suites",
        [&](const YAML::Node& value) {
          tls.prefer_server_cipher_suites = reader.boolean(value, "prefer_server_cipher_suites");
        }},
       {"curve_preferences", [&](const YAML::Node& value) {
          tls.curve_preferences = reader.list(value, "curve_preferences");
        }}});
  // Nothing at all is no TLS; anything needs a certificate, lest what was meant to be encrypted
  // goes out in the clear.
  if (node.IsNull() || node.size() == 0) return std::nullopt;
  check_tls(reader, node, tls);
  return tls;
}

std::map<std::string, std::string> read_headers(const Reader& reader, const YAML::Node& node) {
  std::map<std::string, std::string> headers;
  reader.each_entry(node, "headers", [&](const YAML::Node& key, const YAML::Node& value) {
    const std::string& name = key.Scalar();
    const auto known =
        std::ranges::find(header_names(), name, [](const auto& pair) { return pair.first; });
    if (known == header_names().end()) {
      reader.fail(key,
                  fmt::format("headers: '{}' is not one of {}", name, choices(header_names())));
    }
    const std::string text = reader.text(value, name);
    if (text.empty()) return;
    if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      reader.fail(value, name + ": has a control character");
    }
    if (!known->second.empty() && std::ranges::find(known->second, text) == known->second.end()) {
      reader.fail(value, fmt::format("{}: '{}' is not one of {}", name, text,
                                     fmt::join(known->second, ", ")));
    }
    headers[name] = text;
  });
  return headers;
}

std::map<std::string, std::string> read_users(const Reader& reader, const YAML::Node& node) {
  std::map<std::string, std::string> users;
  reader.each_entry(node, "basic_auth_users", [&](const YAML::Node& key, const YAML::Node& value) {
    const std::string& user = key.Scalar();
    if (user.empty() || user.find(':') != std::string::npos) {
      reader.fail(key, "basic_auth_users: a user's name is empty or has a colon");
    }
    const std::string hash = reader.text(value, user);
    if (const auto why = why_no_bcrypt(hash)) reader.fail(value, fmt::format("{}: {}", user, *why));
    users[user] = hash;
  });
  return users;
}

RateLimitConfig read_rate_limit(const Reader& reader, const YAML::Node& node) {
  RateLimitConfig limit;
  reader.read_fields(
      node, "rate_limit",
      {{"interval",
        [&](const YAML::Node& value) {
          const auto interval = parse_go_duration(reader.text(value, "interval"));
          if (!interval)
            reader.fail(value, "interval: not a duration such as 1s or 100ms, up to 24h");
          limit.interval = *interval;
        }},
       {"burst", [&](const YAML::Node& value) {
          if (!YAML::convert<uint32_t>::decode(value, limit.burst) || limit.burst > 1'000'000) {
            reader.fail(value, "burst: not a whole number from 0 to 1000000");
          }
        }}});
  if (limit.interval.count() > 0 && limit.burst == 0) {
    reader.fail(node, "rate_limit: a burst of 0 lets nobody in; 1 or more does");
  }
  return limit;
}

}  // namespace

WebConfig parse_web_config(const std::string& text, const std::string& file) {
  const Reader reader(file);
  WebConfig config;
  try {
    if (const auto line = second_yaml_document(text)) {
      throw WebConfigError(fmt::format("{}:{}: more than one YAML document", file, *line));
    }
    reader.read_fields(
        YAML::Load(text), "",
        {{"tls_server_config",
          [&](const YAML::Node& node) { config.tls = read_tls(reader, node); }},
         {"http_server_config",
          [&](const YAML::Node& node) {
            reader.read_fields(
                node, "http_server_config",
                {{"http2", [&](const YAML::Node& value) { (void)reader.boolean(value, "http2"); }},
                 {"headers",
                  [&](const YAML::Node& value) { config.headers = read_headers(reader, value); }}});
          }},
         {"basic_auth_users",
          [&](const YAML::Node& node) { config.users = read_users(reader, node); }},
         {"rate_limit",
          [&](const YAML::Node& node) { config.rate_limit = read_rate_limit(reader, node); }}});
  } catch (const YAML::Exception& error) {
    throw WebConfigError(fmt::format("{}:{}: not YAML: {}", file, error.mark.line + 1, error.msg));
  }
  return config;
}

}  // namespace lossgazer
