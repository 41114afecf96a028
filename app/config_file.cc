#include "app/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "app/geoip.h"
#include "metrics/web_policy.h"
#include "metrics/yaml_document.h"

namespace lossgazer {
namespace {

constexpr std::string_view kFileOption = "config.file";
// Far more than anyone writes; a device or a log given by mistake does not end.
constexpr size_t kLongestFile = size_t{1} << 20;

std::string read_text(const std::string& path) {
  const auto fail = [&](std::string_view why) {
    throw UsageError(fmt::format("read the configuration {}: {}", path, why));
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(std::generic_category().message(errno));
  std::string text(kLongestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) fail(std::generic_category().message(errno));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kLongestFile) fail("it is longer than 1 MiB, and so no configuration");
  return text;
}

bool begins_an_option(const std::string& name) {
  return std::ranges::any_of(
      option_table(), [&](const Option& option) { return option.name.starts_with(name + "."); });
}

bool takes_pairs(const Option& option) { return option.type.find('=') != std::string::npos; }

std::string expected(const Option& option) {
  if (option.is_flag()) return "true or false";
  if (takes_pairs(option)) return fmt::format("a list of {}, or a mapping", option.type);
  return option.repeatable ? fmt::format("{} or a list of them", option.type) : option.type;
}

// Goes through the keys of one file, collecting settings and faults.
class FileReader {
 public:
  explicit FileReader(const std::string& path) : path_(path) {}

  void read() {
    try {
      const std::string text = read_text(path_);
      if (const auto line = second_yaml_document(text)) {
        faults_.push_back(fmt::format("{}:{}: a second document; give one", path_, *line));
        return;
      }
      const YAML::Node document = YAML::Load(text);
      if (document.IsNull()) return;
      if (!document.IsMap()) {
        return fault(document.Mark(), "no mapping; expected lines such as 'peers.max: 500'");
      }
      walk(document, "");
    } catch (const YAML::Exception& error) {
      fault(error.mark, fmt::format("not YAML: {}", error.msg));
    }
  }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  [[nodiscard]] std::vector<FileSetting>& settings() { return settings_; }

 private:
  void walk(const YAML::Node& mapping, const std::string& prefix) {
    for (const auto& item : mapping) {
      const YAML::Node& key = item.first;
      const YAML::Node& value = item.second;
      if (!key.IsScalar()) {
        fault(key.Mark(), "a key that is no word");
        continue;
      }
      const std::string name = prefix.empty() ? key.Scalar() : prefix + "." + key.Scalar();
      if (const Option* option = find_option(name)) {
        take(*option, key.Mark(), value);
      } else if (!begins_an_option(name)) {
        unknown(key.Mark(), name);
      } else if (value.IsMap()) {
        walk(value, name);
      } else if (!value.IsNull()) {
        fault(key.Mark(), fmt::format("{}: no option itself; options whose names begin so are "
                                      "expected below it",
                                      name));
      }
    }
  }

  void take(const Option& option, const YAML::Mark& mark, const YAML::Node& value) {
    if (option.name == kFileOption) {
      return fault(mark, fmt::format("{}: a file names no other", kFileOption));
    }
    const std::string place = place_of(mark);
    const auto [first, is_new] = places_.emplace(option.name, place);
    if (!is_new) {
      return fault(mark, fmt::format("{}: given already at {}", option.name, first->second));
    }
    const auto words = words_of(option, value);
    if (!words) {
      return fault(
          mark, fmt::format("{}: {}; expected {}", option.name, shape_of(value), expected(option)));
    }
    if (words->empty()) return;
    try {
      Options scratch;
      option.set(scratch, *words);
    } catch (const UsageError& error) {
      return fault(mark,
                   fmt::format("{} {}: {}", option.name, fmt::join(*words, ","), error.what()));
    }
    settings_.push_back({&option, *words, place});
  }

  // Nothing if the value has not the option's shape.
  static std::optional<std::vector<std::string>> words_of(const Option& option,
                                                          const YAML::Node& value) {
    std::vector<std::string> words;
    if (value.IsScalar()) {
      words.push_back(value.Scalar());
    } else if (value.IsSequence() && option.repeatable) {
      for (const auto& element : value) {
        if (!element.IsScalar()) return std::nullopt;
        words.push_back(element.Scalar());
      }
    } else if (value.IsMap() && takes_pairs(option)) {
      for (const auto& item : value) {
        if (!item.first.IsScalar() || !item.second.IsScalar()) return std::nullopt;
        words.push_back(fmt::format("{}={}", item.first.Scalar(), item.second.Scalar()));
      }
    } else {
      return std::nullopt;
    }
    return words;
  }

  static std::string_view shape_of(const YAML::Node& value) {
    if (value.IsNull()) return "no value";
    if (value.IsMap()) return "a mapping";
    return value.IsSequence() ? "a list" : "a value";
  }

  void unknown(const YAML::Mark& mark, const std::string& name) {
    const std::string nearest = nearest_option(name);
    fault(mark, nearest.empty()
                    ? fmt::format("{}: no such option; 'lossgazer --help' lists them", name)
                    : fmt::format("{}: no such option; is it {}?", name, nearest));
  }

  [[nodiscard]] std::string place_of(const YAML::Mark& mark) const {
    return mark.is_null() ? path_ : fmt::format("{}:{}", path_, mark.line + 1);
  }
  void fault(const YAML::Mark& mark, std::string_view what) {
    faults_.push_back(fmt::format("{}: {}", place_of(mark), what));
  }

  const std::string& path_;
  std::map<std::string, std::string> places_;  // of the options given, by name
  std::vector<FileSetting> settings_;
  std::vector<std::string> faults_;
};

// As a start reads them.
void check_named_files(const Options& options) {
  try {
    if (!options.web.config_file.empty()) (void)WebPolicy::load(options.web.config_file);
    GeoIp().open({.asn_db = options.geoip.asn_db, .country_db = options.geoip.country_db});
  } catch (const std::runtime_error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

std::vector<FileSetting> read_config_file(const std::string& path) {
  FileReader reader(path);
  reader.read();
  if (!reader.faults().empty()) {
    throw UsageError(fmt::format("{}", fmt::join(reader.faults(), "\n")));
  }
  return std::move(reader.settings());
}

std::string check_config_file(const std::string& path) {
  const Options defaults = default_options();
  Options whole = defaults;
  std::string text = fmt::format("{}: good\n", path);
  for (const FileSetting& setting : read_config_file(path)) {
    const Option& option = *setting.option;
    Options options = defaults;
    option.set(options, setting.words);
    option.copy(whole, options);
    if (option.same(options, defaults)) continue;
    text += fmt::format("  {} = {} (default: {})\n", option.name, fmt::join(setting.words, ","),
                        option.fallback);
  }
  check_named_files(whole);
  return text;
}

}  // namespace lossgazer
