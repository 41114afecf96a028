#include "app/top/board.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace lossgazer {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& value) {
  return value.is_string() ? printable(value.get_ref<const std::string&>()) : std::string();
}

// How many bytes the character that begins `text` has; 0 if it is none that is printed.
size_t printed_character(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first >= 0x20 && first < 0x7f) return 1;
  const size_t length = first >= 0xc2 && first < 0xe0   ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // U+0080 to U+009F are orders to terminals, too; so are marks that turn the line's direction.
  if (length == 2 && first == 0xc2 && byte(1) < 0xa0) return 0;
  if (length == 3 && first == 0xe2 && (byte(1) == 0x80 || byte(1) == 0x81)) return 0;
  return length;
}

void flatten(const std::string& prefix, const Json& object,
             std::map<std::string, uint64_t, std::less<>>& into) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix.empty() ? key : fmt::format("{}_{}", prefix, key);
    if (value.is_object()) flatten(name, value, into);
    if (value.is_number_unsigned()) into[name] = value.get<uint64_t>();
  }
}

std::vector<double> series(const Json& of, const std::string& key) {
  return of.contains(key) ? of.at(key).get<std::vector<double>>() : std::vector<double>();
}

void read_series(const Json& of, BoardWay& way) {
  way.packets_series = series(of, "packets");
  way.bytes_series = series(of, "payload_bytes");
  way.loss_series.assign(way.packets_series.size(), 0);
  for (const char* key :
       {"loss_ratio_peer", "loss_ratio_local", "loss_ratio_before", "loss_ratio_after"}) {
    const std::vector<double> side = series(of, key);
    for (size_t i = 0; i < std::min(side.size(), way.loss_series.size()); ++i) {
      way.loss_series[i] = std::min(1.0, way.loss_series[i] + side[i]);
    }
  }
  for (const Json& mean : of.at("rtt_seconds")) {
    way.rtt_series.push_back(mean.is_null() ? std::nullopt : std::optional(mean.get<double>()));
  }
}

BoardWay read_way(const Json& of) {
  BoardWay way;
  flatten("", of.at("total"), way.total);
  if (!of.at("series").is_null()) read_series(of.at("series"), way);
  const Json& recent = of.at("recent");
  if (recent.is_null()) return way;
  way.known = true;
  way.packets = recent.at("packets");
  way.data_segments = recent.at("data_segments");
  way.retransmitted_segments = recent.at("retransmitted_segments");
  way.reordered_segments = recent.at("reordered_segments");
  way.unanswered_segments = recent.at("unanswered_segments");
  way.packets_per_second = recent.at("packets_per_second");
  way.payload_bytes_per_second = recent.at("payload_bytes_per_second");
  way.retransmission_ratio = recent.at("retransmission_ratio");
  if (!recent.at("rtt_seconds").is_null()) way.rtt_seconds = recent.at("rtt_seconds");
  for (const Json& loss : recent.at("loss")) {
    way.loss.push_back({.side = text_of(loss.at("side")),
                        .method = text_of(loss.at("method")),
                        .lost = loss.at("lost"),
                        .of = loss.at("of"),
                        .ratio = loss.at("ratio")});
  }
  return way;
}

BoardPeer read_peer(const Json& of) {
  BoardPeer peer;
  peer.peer = text_of(of.at("peer"));
  peer.name = text_of(of.at("name"));
  for (const auto& [key, value] : of.at("labels").items()) {
    peer.labels +=
        fmt::format("{}{} {}", peer.labels.empty() ? "" : ", ", printable(key), text_of(value));
  }
  peer.ways[static_cast<size_t>(Direction::kEgress)] = read_way(of.at("egress"));
  peer.ways[static_cast<size_t>(Direction::kIngress)] = read_way(of.at("ingress"));
  return peer;
}

BoardCapture read_capture(const Json& of) {
  BoardCapture capture;
  capture.not_ready = text_of(of.at("not_ready"));
  for (const Json& source : of.at("interfaces")) {
    capture.interfaces.push_back(text_of(source.at("interface")));
  }
  capture.packets = of.at("recent").at("packets");
  for (const Json& dropped : of.at("recent").at("dropped")) {
    capture.dropped += dropped.get<uint64_t>();
  }
  capture.flows = of.at("flows");
  capture.flow_sample = of.value("flow_sample", uint64_t{1});
  return capture;
}

}  // namespace

const BoardLoss* BoardWay::worst() const {
  const BoardLoss* worst = nullptr;
  for (const BoardLoss& one : loss) {
    if (one.lost > 0 && (worst == nullptr || one.weight() > worst->weight())) worst = &one;
  }
  return worst;
}

Board parse_board(std::string_view json) {
  try {
    const Json answer = Json::parse(json);
    Board board;
    board.host = text_of(answer.at("host"));
    board.time = answer.at("time");
    board.recent_seconds = answer.at("recent_seconds");
    const auto seconds = answer.at("steps").at("seconds").get<std::vector<double>>();
    const auto ages = answer.at("steps").at("age_seconds").get<std::vector<double>>();
    for (size_t i = 0; i < std::min(seconds.size(), ages.size()); ++i) {
      board.steps.push_back({.seconds = seconds[i], .age_seconds = ages[i]});
    }
    board.capture = read_capture(answer.at("capture"));
    board.peers_known = answer.at("peers_known");
    for (const Json& peer : answer.at("peers")) board.peers.push_back(read_peer(peer));
    return board;
  } catch (const Json::exception& error) {
    throw std::runtime_error(
        fmt::format("no answer of lossgazer's /api/v1/peers ({})", printable(error.what())));
  }
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t length = printed_character(text);
    result += length == 0 ? "?" : text.substr(0, length);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

}  // namespace lossgazer
