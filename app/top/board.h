// What an exporter says of its peers at one moment, as `top` shows it: the answer of
// /api/v1/peers, whether it came by HTTP or from this process's own capture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/snapshot.h"

namespace lossgazer {

struct BoardLoss {
  std::string side{};    // peer, local, before or after
  std::string method{};  // census or sequence
  uint64_t lost = 0;
  uint64_t of = 0;
  double ratio = 0;

  [[nodiscard]] double weight() const {
    return static_cast<double>(lost) / (static_cast<double>(of) + 100);
  }
};

// One direction of a peer: the last minute, unless it says otherwise.
struct BoardWay {
  bool known = false;  // else it has no history, and the last minute is not known
  uint64_t packets = 0;
  uint64_t data_segments = 0;
  uint64_t retransmitted_segments = 0;
  uint64_t reordered_segments = 0;
  uint64_t unanswered_segments = 0;
  double packets_per_second = 0;
  double payload_bytes_per_second = 0;
  double retransmission_ratio = 0;
  std::optional<double> rtt_seconds{};
  std::vector<BoardLoss> loss{};
  std::map<std::string, uint64_t, std::less<>> total{};  // nested keys joined by '_'
  // By step of the board, oldest first; empty without history.
  std::vector<double> loss_series{};  // of both sides, as a share
  std::vector<double> packets_series{};
  std::vector<double> bytes_series{};
  std::vector<std::optional<double>> rtt_series{};

  // What weighs most; null if nothing was lost.
  [[nodiscard]] const BoardLoss* worst() const;
};

struct BoardPeer {
  std::string peer{};              // address, network, group or `other`
  std::string name{};              // by reverse DNS; empty if it has none
  std::string labels{};            // further ones, as "port 443"
  std::array<BoardWay, 2> ways{};  // by Direction

  // What tells it from other peers.
  [[nodiscard]] std::string identity() const { return peer + "\n" + labels; }
  [[nodiscard]] const BoardWay& way(Direction direction) const {
    return ways[static_cast<size_t>(direction)];
  }
};

struct BoardStep {
  double seconds = 0;
  double age_seconds = 0;  // since its end
};

struct BoardCapture {
  std::string not_ready{};  // empty: all is captured
  std::vector<std::string> interfaces{};
  uint64_t packets = 0;  // these two in the last minute
  uint64_t dropped = 0;
  uint64_t flows = 0;
  uint64_t flow_sample = 1;  // one flow in so many is captured
};

// A flow in trouble, for the details of its peer.
struct BoardFlow {
  std::string peer{};  // as BoardPeer's
  std::string ours{};  // our address
  uint16_t our_port = 0;
  std::string theirs{};  // the peer's address and port
  Direction direction = Direction::kEgress;
  uint64_t sent_again = 0;
  uint64_t needless = 0;  // of these
  uint64_t late = 0;
  uint64_t copies = 0;
  std::string last_loss{};  // side; empty if none is known
  double age_seconds = 0;   // since the last such packet
};

struct Board {
  std::string host{};
  double time = 0;  // seconds since 1970, by the exporter's clock
  double recent_seconds = 0;
  std::vector<BoardStep> steps{};
  BoardCapture capture{};
  size_t peers_known = 0;          // there may be more than `peers`
  std::vector<BoardPeer> peers{};  // the worst first
  // Nothing: who answers keeps none.
  std::optional<std::vector<BoardFlow>> flows{};
  std::string notice{};  // what the capture has to tell; empty if nothing
};

// Reads the answer of /api/v1/peers. Text of the network's (names) is made printable. Throws
// std::runtime_error if it is no such answer.
[[nodiscard]] Board parse_board(std::string_view json);

// What is no character to print, in UTF-8, becomes '?': a terminal takes orders from the rest.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace lossgazer
