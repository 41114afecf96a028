// What was judged of one packet that was anything but new and in order.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "analyzer/flow_key.h"
#include "analyzer/loss_counters.h"
#include "analyzer/seq_num.h"
#include "analyzer/snapshot.h"
#include "analyzer/units.h"

namespace lossgazer {

enum class VerdictKind : uint8_t {
  kInOrder,  // only as what a later verdict revises
  kRetransmission,
  kSpuriousRetransmission,
  kReordered,
  kDuplicate,
  kKeepAlive,
  kWindowProbe,
};
// Those that are reported.
inline constexpr std::array kVerdictKinds = {
    VerdictKind::kRetransmission, VerdictKind::kSpuriousRetransmission,
    VerdictKind::kReordered,      VerdictKind::kDuplicate,
    VerdictKind::kKeepAlive,      VerdictKind::kWindowProbe};

// The check that decided, first in ANALYSIS order.
enum class Evidence : uint8_t {
  kUndecided,
  kIpId,           // identification number older, newer or the same
  kTsval,          // timestamp older, newer or the same (RFC 7323)
  kAckField,       // acknowledgment number older or newer
  kIdenticalCopy,  // the whole header the same, too soon for a sender to know of a loss
  kAcknowledged,   // the bytes were acknowledged before
  kSacked,         // the bytes were SACKed before (RFC 2018)
  kSeenBefore,     // the bytes were captured before, and nothing says they arrived
  kProximity,      // too soon after the gap opened for a retransmission
  kDuplicateAcks,  // the receiver said it missed them (RFC 5681)
  kSackAbove,      // the receiver SACKed what follows (RFC 6675)
  kTimeOut,        // later than a retransmission time-out (RFC 6298)
  kLowConfidence,  // nothing decided: taken for reordering
  kSkippedIpId,    // a number was skipped, then a time-out's wait: the repeat of a lost tail
  kDsack,          // the receiver had them already (RFC 2883, RFC 3708)
  kEifel,          // the ACK echoed a timestamp older than the retransmission's (RFC 3522)
  kAckTiming,      // acknowledged sooner than a round trip
  kAnnounced,      // an earlier packet without data had a sequence number beyond it
  kWindow,         // the peer's window was closed
};

[[nodiscard]] std::string_view name_of(VerdictKind kind);
[[nodiscard]] std::string_view name_of(Evidence evidence);

struct Verdict {
  VerdictKind kind = VerdictKind::kInOrder;
  Evidence evidence = Evidence::kUndecided;
  std::optional<Side> side;            // of a retransmission: where the first copy was lost
  std::optional<VerdictKind> revises;  // set if an earlier verdict on the same frame is replaced
  FlowKey key;
  Sender sender = Sender::kLow;
  std::optional<Direction> direction;  // none if nobody is us
  uint16_t source = 0;
  uint64_t frame = 0;
  CaptureTime time;
  SeqNum seq;
  uint32_t payload_length = 0;

  bool operator==(const Verdict&) const = default;
};

// Called for each verdict, in the order they are reached; may be empty.
using VerdictSink = std::function<void(const Verdict&)>;

}  // namespace lossgazer
