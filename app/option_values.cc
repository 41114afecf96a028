#include "app/option_values.h"

#include <fmt/ranges.h>

#include <optional>
#include <string_view>

#include "app/quantity.h"
#include "capture/config_error.h"
#include "capture/interfaces.h"
#include "capture/view_filter.h"
#include "metrics/http_server.h"
#include "metrics/metric_names.h"

namespace lossgazer {

std::string any_text(const std::string& word) { return word; }

std::string interface_name(const std::string& word) {
  if (word.empty()) throw UsageError("not the name of an interface");
  try {
    (void)interface_pattern(word);
  } catch (const ConfigError& error) {
    throw UsageError(error.what());
  }
  return word;
}

std::string filter_expression(const std::string& word) {
  if (const auto fault = user_filter_fault(word)) throw UsageError(*fault);
  return word;
}

IpPrefix network(const std::string& word) {
  const std::optional<IpPrefix> prefix = IpPrefix::parse(word);
  if (!prefix) throw UsageError("not an address or network such as 192.0.2.0/24");
  return *prefix;
}

PeerGroup peer_group(const std::string& word) {
  const size_t equals = word.find('=');
  const auto prefix = IpPrefix::parse(word.substr(0, equals));
  if (!prefix || equals == std::string::npos) {
    throw UsageError("not a network and a name such as 192.0.2.0/24=backends");
  }
  std::string name = word.substr(equals + 1);
  if (const auto why = group_name_refusal(name)) {
    throw UsageError(fmt::format("'{}' is no name for a group: {}", name, *why));
  }
  return {*prefix, std::move(name)};
}

std::string_view peer_counter(const std::string& word) {
  if (const auto key = peer_counter_key(word)) return *key;
  std::vector<std::string_view> keys;
  for (const PeerCounter& counter : peer_counters()) keys.push_back(counter.key);
  keys.push_back(kRttKey);
  throw UsageError(fmt::format("no counter of peers; those are {}", fmt::join(keys, ", ")));
}

Duration duration(const std::string& word) {
  const std::optional<Duration> parsed = parse_duration(word);
  if (!parsed) throw UsageError("not a duration such as 90s, 2m or 1h30m");
  return *parsed;
}

uint64_t size_in_bytes(const std::string& word) {
  const std::optional<uint64_t> parsed = parse_size(word);
  // libpcap takes the size as an int.
  if (!parsed || *parsed > INT32_MAX) throw UsageError("not a size such as 16MiB, below 2GiB");
  return *parsed;
}

ListenAddress listen_address(const std::string& word) {
  const std::optional<ListenAddress> parsed = ListenAddress::parse(word);
  if (!parsed)
    throw UsageError(
        "not an address and port such as 127.0.0.1:10119 or [::]:10119, nor unix:PATH");
  return *parsed;
}

std::string telemetry_path(const std::string& word) {
  if (!is_telemetry_path(word)) throw UsageError("not a path of its own such as /metrics");
  return word;
}

std::vector<std::string> split_at_commas(const std::vector<std::string>& words) {
  std::vector<std::string> parts;
  for (const std::string& word : words) {
    for (size_t begin = 0; begin <= word.size();) {
      const size_t comma = std::min(word.find(',', begin), word.size());
      if (comma > begin) parts.push_back(word.substr(begin, comma - begin));
      begin = comma + 1;
    }
  }
  return parts;
}

bool yes_or_no(const std::string& word) {
  if (word != "true" && word != "false") throw UsageError("give true or false");
  return word == "true";
}

}  // namespace lossgazer
