#include "app/event_format.h"

#include <fmt/format.h>

#include "app/verdict_text.h"
#include "metrics/json_text.h"

namespace lossgazer {
namespace {

// The schema's version that the names below are of.
constexpr std::string_view kEcsVersion = "8.11.0";

// What decided and what that replaces, where it is known: the same under both names.
void append_reasons(const Verdict& verdict, std::string& line) {
  if (verdict.side) {
    line += fmt::format(",\"side\":\"{}\"", side_of(verdict));
  }
  line += fmt::format(",\"evidence\":\"{}\"", name_of(verdict.evidence));
  if (verdict.revises) line += fmt::format(",\"revises\":\"{}\"", name_of(*verdict.revises));
}

std::string own_line(const Verdict& verdict, const EventOrigin& origin) {
  const Endpoint source = verdict.key.end(verdict.sender);
  const Endpoint destination = verdict.key.end(other(verdict.sender));
  std::string line = fmt::format("{{\"time\":\"{}\"", rfc3339(verdict.time));
  if (!origin.file.empty()) line += fmt::format(",\"file\":{}", json_quote(origin.file));
  line += origin.interface ? fmt::format(",\"interface\":{}", json_quote(*origin.interface))
                           : fmt::format(",\"frame\":{}", verdict.frame);
  line += fmt::format(
      ",\"src\":\"{}\",\"src_port\":{},\"dst\":\"{}\",\"dst_port\":{},"
      "\"direction\":\"{}\",\"seq\":{},\"length\":{},\"verdict\":\"{}\"",
      source.address.to_string(), source.port, destination.address.to_string(), destination.port,
      direction_of(verdict), verdict.seq.raw(), verdict.payload_length, name_of(verdict.kind));
  append_reasons(verdict, line);
  return line + "}\n";
}

std::string ecs_line(const Verdict& verdict, const EventOrigin& origin) {
  const Endpoint source = verdict.key.end(verdict.sender);
  const Endpoint destination = verdict.key.end(other(verdict.sender));
  std::string line = fmt::format(
      "{{\"@timestamp\":\"{}\",\"ecs\":{{\"version\":\"{}\"}},"
      "\"event\":{{\"kind\":\"event\",\"category\":[\"network\"],\"type\":[\"info\"],"
      "\"module\":\"lossgazer\",\"dataset\":\"lossgazer.events\",\"action\":\"{}\"}},",
      rfc3339(verdict.time), kEcsVersion, name_of(verdict.kind));
  if (!origin.file.empty()) {
    line += fmt::format("\"file\":{{\"path\":{}}},", json_quote(origin.file));
  }
  // Of its directions, two are ours; what only passes has none of them.
  line += fmt::format(
      "\"source\":{{\"ip\":\"{}\",\"port\":{}}},\"destination\":{{\"ip\":\"{}\",\"port\":{}}},"
      "\"network\":{{\"transport\":\"tcp\",\"type\":\"{}\",\"direction\":\"{}\"}},"
      "\"lossgazer\":{{",
      source.address.to_string(), source.port, destination.address.to_string(), destination.port,
      source.address.is_v4() ? "ipv4" : "ipv6",
      verdict.direction ? direction_of(verdict) : "unknown");
  line += origin.interface ? fmt::format("\"interface\":{}", json_quote(*origin.interface))
                           : fmt::format("\"frame\":{}", verdict.frame);
  line += fmt::format(",\"seq\":{},\"length\":{}", verdict.seq.raw(), verdict.payload_length);
  append_reasons(verdict, line);
  return line + "}}\n";
}

}  // namespace

std::string event_line(const Verdict& verdict, EventNames names, const EventOrigin& origin) {
  return names == EventNames::kEcs ? ecs_line(verdict, origin) : own_line(verdict, origin);
}

}  // namespace lossgazer
