// Tells the story of a TCP connection, packet by packet, to a shard, and keeps what it judged.
// Others of the same hosts may be told along with it. Two hosts: `us`, 192.0.2.1:40000, and `peer`,
// 198.51.100.7:443. Sequence numbers are relative to initial ones near 2^32, so that every longer
// story wraps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/shard.h"
#include "analyzer/shared_counters.h"
#include "analyzer/verdict.h"
#include "tests/support/prediction_twin.h"

namespace lossgazer::test {

// One packet. What is left out is what an uneventful one would have.
struct Packet {
  Duration at{};        // since the story began
  uint32_t seq = 1;     // relative: the SYN is 0
  uint32_t length = 0;  // bytes of payload
  uint32_t ack = 1;     // relative
  uint8_t flags = kAck;
  std::optional<uint16_t> ip_id{};
  std::optional<uint32_t> tsval{};
  std::optional<uint32_t> tsecr{};
  uint16_t window = 1000;
  uint16_t checksum = 0;
  uint16_t mss = 0;
  std::vector<std::pair<uint32_t, uint32_t>> sack{};  // relative
  uint32_t link = 0;
  uint16_t bits = 0;  // further ones
  uint16_t source = 0;
  uint16_t connection = 0;  // another one of the same hosts: our port is 40000 and this
};

class Conversation {
 public:
  static constexpr uint32_t kUsIsn = 0xffffff00;
  static constexpr uint32_t kPeerIsn = 0xfffff800;

  static constexpr CaptureTime kStart{std::chrono::hours(24 * 365 * 50)};

  // We are 192.0.2.1.
  [[nodiscard]] static ShardConfig usual_config();
  // By usual_config(), unless `config` says otherwise.
  Conversation();
  explicit Conversation(const ShardConfig& config);

  // Sends packets from us to the peer, or back.
  Conversation& us(const Packet& packet);
  Conversation& peer(const Packet& packet);
  // The three-way handshake: SYN at `at`, then `rtt` to the peer and back, nothing on our side.
  Conversation& handshake(Duration rtt = std::chrono::milliseconds(20));
  // Time passes without packets; `at` is since the story began.
  Conversation& tick(Duration at);
  Conversation& finish();

  // All verdicts so far: "peer 17 retransmission before tsval", one for each, in order. The number
  // is the relative sequence number; a revision ends in " (was retransmission)".
  [[nodiscard]] std::vector<std::string> verdicts() const;
  [[nodiscard]] const std::vector<Verdict>& raw_verdicts() const { return verdicts_; }

  // The peer's counters until now.
  [[nodiscard]] const LossCounters& egress();
  [[nodiscard]] const LossCounters& ingress();
  [[nodiscard]] const SourceOutcome& outcome();
  [[nodiscard]] PredictionTwin& shard() { return shard_; }

 private:
  void send(const Packet& packet, bool from_us);
  void drain();

  std::vector<Verdict> verdicts_;
  PredictionTwin shard_;
  SharedCounters shared_counters_;
  uint64_t frames_ = 0;
  std::array<LossCounters, 2> counters_;
  SourceOutcome outcome_;
};

}  // namespace lossgazer::test
