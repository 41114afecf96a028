// A TCP connection as the capture point sees it: two directions, its handshake and its end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "analyzer/flow_key.h"
#include "analyzer/loss_counters.h"
#include "analyzer/scene.h"
#include "analyzer/segment.h"
#include "analyzer/sender_track.h"
#include "analyzer/snapshot.h"

namespace lossgazer {

// Whoever drops a flow calls finish() first. Not thread-safe.
class Flow {
 public:
  Flow() = default;
  // `row` is its peer's, `hash` its key's. `first_sender`: the end whose packets count in
  // counters[0]: us, or the lower address where nobody is us.
  Flow(const FlowKey& key, uint64_t hash, uint32_t row, Sender first_sender, bool has_direction);

  enum class Outcome : uint8_t {
    kPredicted,  // judged; it was to come next in a connection, which goes on as before
    kJudged,
    kCopy,
  };
  Outcome judge(const FlowScene& scene, const Segment& segment);
  // Time passed: decides what can be decided by now in what `sender` sent.
  void settle(const FlowScene& scene, Sender sender, CaptureTime now);
  // The flow is forgotten: decides everything.
  void finish(const FlowScene& scene);

  [[nodiscard]] const FlowKey& key() const { return key_; }
  // The lower half of its hash: as much as an index looks at.
  [[nodiscard]] uint32_t hash() const { return hash_; }
  [[nodiscard]] uint32_t row() const { return row_; }
  void set_row(uint32_t row) { row_ = row; }
  [[nodiscard]] CaptureTime last_packet() const { return last_packet_; }
  // Reset, or both ends' FINs were acknowledged: nothing but stragglers will follow.
  [[nodiscard]] bool closed() const {
    return reset_ ||
           (fins_ == 3 && !tracks_[0].has_unacknowledged() && !tracks_[1].has_unacknowledged());
  }
  // Both ends spoke, and it is neither being opened nor closed. Whoever floods us with attempts, or
  // with packets of connections that are not, has none: nobody answers, or with a reset.
  [[nodiscard]] bool connected() const {
    const bool opening = opening_ == Opening::kSynSent || opening_ == Opening::kAnswered;
    return !opening && tracks_[0].last_packet() && tracks_[1].last_packet() && !closed();
  }

  [[nodiscard]] const SenderTrack& track(Sender sender) const {
    return tracks_[static_cast<size_t>(sender)];
  }
  // None if nobody is us.
  [[nodiscard]] std::optional<Direction> direction_of(Sender sender) const {
    return has_direction_ ? std::optional(static_cast<Direction>(counters_index(sender)))
                          : std::nullopt;
  }
  [[nodiscard]] size_t counters_index(Sender sender) const {
    return sender == first_sender_ ? 0 : 1;
  }
  // Which captured its last packet.
  [[nodiscard]] uint16_t source(Sender sender) const {
    return sources_[static_cast<size_t>(sender)];
  }
  // A SYN did not permit them (RFC 2018, section 2): neither end sends any.
  [[nodiscard]] bool without_sacks() const { return without_sacks_ != 0; }

  // What names a direction among all of the shard's, and what that stands for.
  [[nodiscard]] static uint32_t owner_of(uint32_t number, Sender sender) {
    return number * 2 + static_cast<uint32_t>(sender);
  }
  [[nodiscard]] static uint32_t number_of(uint32_t owner) { return owner / 2; }
  [[nodiscard]] static Sender sender_of(uint32_t owner) { return static_cast<Sender>(owner % 2); }

 private:
  enum class Opening : uint8_t { kNotSeen, kSynSent, kAnswered, kDone };

  [[nodiscard]] SenderTrack& track(Sender sender) { return tracks_[static_cast<size_t>(sender)]; }
  // In header_prediction.cc.
  [[nodiscard]] bool predicts(const Segment& segment) const;
  void take_predicted(const FlowScene& scene, const Segment& segment);
  [[nodiscard]] bool is_copy(const Segment& segment);
  void restart();
  void follow_opening(const FlowScene& scene, const Segment& segment);
  void close_opening(const FlowScene& scene, ConnectionOutcome outcome);

  FlowKey key_;
  CaptureTime last_packet_;
  std::array<SenderTrack, 2> tracks_;  // by Sender
  uint32_t hash_ = 0;
  uint32_t row_ = 0;
  // The interface that a direction's packets are taken from; others show copies of them.
  std::array<uint32_t, 2> links_{};    // by Sender
  std::array<uint16_t, 2> sources_{};  // by Sender
  Sender first_sender_ = Sender::kLow;
  Sender opener_ = Sender::kLow;  // who sent the SYN
  Opening opening_ = Opening::kNotSeen;
  uint8_t has_direction_ : 1 = 0;
  uint8_t reset_ : 1 = 0;
  uint8_t fins_ : 2 = 0;  // a bit for each sender
  uint8_t without_sacks_ : 1 = 0;
};
static_assert(sizeof(Flow) <= 280, "a quiet flow stays small");

}  // namespace lossgazer
