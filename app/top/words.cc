#include "app/top/words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/top/figures.h"

namespace lossgazer {
namespace {

// The direction that weighs most, if that is because nothing answers what was sent again there.
const BoardWay* mute_way(const BoardPeer& peer) {
  const auto weight = [](const BoardWay& way) {
    return static_cast<double>(way.unanswered_segments) /
           static_cast<double>(std::max(way.data_segments, way.unanswered_segments) + 100);
  };
  const BoardWay& way = *std::ranges::max_element(peer.ways, {}, weight);
  if (way.unanswered_segments == 0) return nullptr;
  for (const BoardWay& other : peer.ways) {
    const BoardLoss* worst = other.worst();
    if (worst != nullptr && worst->weight() > weight(way)) return nullptr;
  }
  return &way;
}

std::string full_name(const BoardPeer& peer) {
  std::string name = peer.name.empty() ? peer.peer : fmt::format("{} ({})", peer.name, peer.peer);
  if (!peer.labels.empty()) name += ", " + peer.labels;
  return name;
}

std::string_view place(std::string_view side) {
  if (side == "peer") return "in the network";
  if (side == "local") return "on this host";
  return side == "before" ? "before here" : "after here";
}

}  // namespace

std::string_view side_word(std::string_view side) {
  if (side == "peer") return "network";
  if (side == "local") return "this host";
  return side;
}

std::string_view method_word(std::string_view method) {
  return method == "census" ? "counted" : "inferred";
}

std::string headline_of(const Board& board) {
  if (board.peers.empty()) return "No TCP traffic seen yet";
  const BoardPeer& first = board.peers.front();
  if (const BoardWay* way = mute_way(first)) {
    const bool to = way == &first.way(Direction::kEgress);
    return fmt::format("{} {}", to ? "No answer from" : "This host does not answer",
                       full_name(first));
  }
  const BoardLoss* worst = nullptr;
  bool to = false;
  for (const Direction direction : {Direction::kEgress, Direction::kIngress}) {
    const BoardLoss* loss = first.way(direction).worst();
    if (loss == nullptr || (worst != nullptr && worst->weight() >= loss->weight())) continue;
    worst = loss;
    to = direction == Direction::kEgress;
  }
  if (worst != nullptr) {
    return fmt::format("Losing {} of packets {} {}, {}", percent(worst->ratio), to ? "to" : "from",
                       full_name(first), place(worst->side));
  }
  const bool busy = std::ranges::any_of(board.peers, [](const BoardPeer& peer) {
    return peer.ways[0].packets + peer.ways[1].packets > 0;
  });
  return busy ? "No loss seen in the last minute" : "No TCP packets in the last minute";
}

std::string capture_line(const Board& board) {
  const BoardCapture& capture = board.capture;
  if (!capture.not_ready.empty()) return fmt::format("Not capturing all: {}", capture.not_ready);
  const double seconds = std::max(board.recent_seconds, 1.0);
  std::string line =
      fmt::format("{}: {} packets/s, {} dropped, {} flows", fmt::join(capture.interfaces, " "),
                  scaled(static_cast<double>(capture.packets) / seconds), counted(capture.dropped),
                  counted(capture.flows));
  if (capture.interfaces.empty()) line.erase(0, 2);
  if (capture.flow_sample > 1) line += fmt::format(", 1 flow in {}", capture.flow_sample);
  return line;
}

}  // namespace lossgazer
