#include "app/option_values.h"

#include <fmt/ranges.h>

#include <algorithm>
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
  throw UsageError(
      fmt::format("no counter of peers; those are {}", fmt::join(peer_counter_keys(), ", ")));
}

std::vector<std::string> peer_counter_keys() {
  std::vector<std::string> keys;
  for (const PeerCounter& counter : peer_counters()) keys.emplace_back(counter.key);
  keys.emplace_back(kRttKey);
  keys.emplace_back(kRetransmitsKey);
  return keys;
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

FlowSample flow_sample(const std::string& word) {
  constexpr std::string_view kOneIn = "1/";
  try {
    if (!word.starts_with(kOneIn)) throw UsageError("");
    return {whole_number<uint32_t>(1, FlowSample::kMost)(word.substr(kOneIn.size()))};
  } catch (const UsageError&) {
    throw UsageError(fmt::format("not a share such as 1/16, from 1/1 to 1/{}", FlowSample::kMost));
  }
}

ListenAddress listen_address(const std::string& word) {
  const std::optional<ListenAddress> parsed = ListenAddress::parse(word);
  if (!parsed)
    throw UsageError(
        "not an address and port such as 127.0.0.1:10119 or [::]:10119, nor unix:PATH");
  return *parsed;
}

EventDestination event_destination(const std::string& word) {
  const std::optional<EventDestination> parsed = EventDestination::parse(word);
  if (!parsed) throw UsageError("not -, unix:PATH, nor tcp:HOST:PORT such as tcp:127.0.0.1:10120");
  return *parsed;
}

VerdictKind verdict_kind(const std::string& word) {
  for (const VerdictKind kind : kVerdictKinds) {
    if (name_of(kind) == word) return kind;
  }
  throw UsageError(fmt::format("no verdict; those are {}", fmt::join(verdict_kind_names(), ", ")));
}

std::vector<std::string> verdict_kind_names() {
  std::vector<std::string> names;
  names.reserve(kVerdictKinds.size());
  for (const VerdictKind kind : kVerdictKinds) names.emplace_back(name_of(kind));
  return names;
}

// Whoever has a URL of another kind finds out why it will not do.
HttpPlace exporter_url(const std::string& word) {
  constexpr std::string_view kScheme = "http://";
  constexpr std::string_view kUnix = "unix:";
  const UsageError refused("not a URL such as http://127.0.0.1:10119, nor unix:PATH");
  if (word.starts_with("https://")) {
    throw UsageError("TLS is not supported: attach on that host, or forward its port by ssh -L");
  }
  if (word.starts_with(kUnix)) {
    const std::optional<ListenAddress> parsed = ListenAddress::parse(word);
    if (!parsed) throw refused;
    return {.socket = parsed->path};
  }
  if (!word.starts_with(kScheme)) throw refused;
  std::string_view rest = std::string_view(word).substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    throw UsageError("passwords are not supported: attach to an address or socket that asks none");
  }
  if (rest.find_first_of("/?# ") != std::string_view::npos) throw refused;

  constexpr uint16_t kPort = 10119;
  HttpPlace place{.port = kPort};
  const bool brackets = rest.starts_with('[');
  const size_t host_end = brackets ? rest.find(']') : rest.find(':');
  if (brackets && host_end == std::string_view::npos) throw refused;
  place.host = brackets ? rest.substr(1, host_end - 1) : rest.substr(0, host_end);
  if (place.host.empty()) throw refused;
  rest.remove_prefix(std::min(rest.size(), host_end + (brackets ? 1 : 0)));
  if (rest.empty()) return place;
  if (rest.front() != ':') throw refused;
  try {
    place.port = whole_number<uint16_t>(1, 65535)(std::string(rest.substr(1)));
  } catch (const UsageError&) {
    throw refused;
  }
  return place;
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
