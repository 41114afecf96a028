// How the words given for options become values, whatever their origin. Each reader takes one word,
// or says with a UsageError what would do.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/ip_address.h"
#include "analyzer/peer_policy.h"
#include "analyzer/units.h"
#include "app/options.h"
#include "metrics/http_get.h"
#include "metrics/listen_address.h"

namespace lossgazer {

[[nodiscard]] std::string any_text(const std::string& word);
[[nodiscard]] std::string interface_name(const std::string& word);
[[nodiscard]] std::string filter_expression(const std::string& word);
[[nodiscard]] IpPrefix network(const std::string& word);
[[nodiscard]] PeerGroup peer_group(const std::string& word);
[[nodiscard]] std::string_view peer_counter(const std::string& word);  // its key
[[nodiscard]] std::vector<std::string> peer_counter_keys();            // all there are
[[nodiscard]] Duration duration(const std::string& word);
[[nodiscard]] uint64_t size_in_bytes(const std::string& word);
[[nodiscard]] FlowSample flow_sample(const std::string& word);
[[nodiscard]] ListenAddress listen_address(const std::string& word);
[[nodiscard]] EventDestination event_destination(const std::string& word);
[[nodiscard]] VerdictKind verdict_kind(const std::string& word);
[[nodiscard]] std::vector<std::string> verdict_kind_names();  // all that a packet can get
[[nodiscard]] HttpPlace exporter_url(const std::string& word);
[[nodiscard]] std::string telemetry_path(const std::string& word);
// Of all words, each of which may be a list with commas.
[[nodiscard]] std::vector<std::string> split_at_commas(const std::vector<std::string>& words);
[[nodiscard]] bool yes_or_no(const std::string& word);

// From `least` to `most`.
template <std::unsigned_integral T>
[[nodiscard]] auto whole_number(T least, T most) {
  return [least, most](const std::string& word) {
    T number = 0;
    const char* end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || rest != end || number < least || number > most) {
      throw UsageError(fmt::format("not a whole number from {} to {}", least, most));
    }
    return number;
  };
}

template <typename T>
[[nodiscard]] auto one_of(std::vector<std::pair<std::string, T>> choices) {
  return [choices = std::move(choices)](const std::string& word) {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == word) return value;
      names += (names.empty() ? "" : ", ") + name;
    }
    throw UsageError("not one of " + names);
  };
}

}  // namespace lossgazer
