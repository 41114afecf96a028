// Boards for tests: as an exporter's PeerBoard says them, and made by hand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/top/board.h"

namespace lossgazer::test {

// A peer that lost `lost` of a thousand segments towards it, in the network.
inline BoardPeer board_peer(const std::string& name, uint64_t lost, double packets_per_second = 10,
                            double rtt = 0.001) {
  BoardPeer peer;
  peer.peer = name;
  for (BoardWay& way : peer.ways) {
    way.known = true;
    way.packets = way.data_segments = 1000;
    way.packets_per_second = packets_per_second;
    way.payload_bytes_per_second = 1000 * packets_per_second;
    way.total = {{"packets", 1000}, {"lost_packets_peer", 0}, {"lost_packets_local", 0}};
    way.packets_series = {500, 500};
    way.bytes_series = {1000, 2000};
    way.loss_series = {0, 0};
    way.rtt_series = {rtt, rtt};
  }
  BoardWay& to = peer.ways[0];
  to.rtt_seconds = rtt;
  to.loss = {{.side = "peer",
              .method = "sequence",
              .lost = lost,
              .of = 1000,
              .ratio = static_cast<double>(lost) / 1000}};
  to.retransmitted_segments = lost;
  to.retransmission_ratio = static_cast<double>(lost) / 1000;
  to.total["lost_packets_peer"] = lost;
  to.loss_series = {0, static_cast<double>(lost) / 1000};
  return peer;
}

inline Board board_of(std::vector<BoardPeer> peers) {
  Board board;
  board.host = "gateway";
  board.time = 1'800'000'000;
  board.recent_seconds = 60;
  board.steps = {{.seconds = 30, .age_seconds = 30}, {.seconds = 30, .age_seconds = 0}};
  board.capture.interfaces = {"eth0"};
  board.capture.packets = 6000;
  board.peers_known = peers.size();
  board.peers = std::move(peers);
  return board;
}

inline std::shared_ptr<const Board> shared(Board board) {
  return std::make_shared<const Board>(std::move(board));
}

}  // namespace lossgazer::test
