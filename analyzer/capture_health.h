// How the capture itself fares: what it saw, dropped, could not read or did not judge.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/decode_status.h"
#include "analyzer/units.h"

namespace lossgazer {

enum class DropStage : uint8_t { kInterface, kKernel, kQueue, kFlowTable };
inline constexpr std::array<std::string_view, 4> kDropStageName = {"interface", "kernel", "queue",
                                                                   "flow_table"};

enum class IgnoreReason : uint8_t { kNoLocalEnd, kExcluded, kCopy };
inline constexpr std::array<std::string_view, 3> kIgnoreReasonName = {"no_local_end", "excluded",
                                                                      "copy"};

enum class FlowExpiry : uint8_t { kIdle, kClosed, kEvicted };
inline constexpr std::array<std::string_view, 3> kFlowExpiryName = {"idle", "closed", "evicted"};

// What is kept of directions that are not quiet, in tables shared by all flows.
enum class Tracked : uint8_t { kTroubles, kHoles, kRepeats, kSacks, kIpIds };
inline constexpr std::array<std::string_view, 5> kTrackedName = {"troubles", "holes", "repeats",
                                                                 "sacks", "ip_ids"};

enum class PeerExpiry : uint8_t { kIdle, kOverflow };
inline constexpr std::array<std::string_view, 2> kPeerExpiryName = {"idle", "overflow"};

// Frames, as captured: a super-packet is one. Once nothing is queued, packets = judged + ignored +
// unparsed + dropped in queue and flow table.
struct SourceHealth {
  std::string name;  // the interface, or the file; no two are the same
  uint64_t packets = 0;
  uint64_t judged = 0;
  std::array<uint64_t, kIgnoreReasonName.size()> ignored{};  // by IgnoreReason
  std::array<uint64_t, kDropStageName.size()> dropped{};     // by DropStage
  std::array<uint64_t, kDecodeStatusCount> unparsed{};       // by DecodeStatus; kOk stays 0
  bool up = false;
  uint64_t restarts = 0;
  std::optional<CaptureTime> last_packet;
  uint64_t buffer_bytes = 0;
};

struct WorkerHealth {
  uint64_t queue_packets = 0;
  Duration busy{};
};

struct CaptureHealth {
  std::vector<SourceHealth> sources;
  std::vector<WorkerHealth> workers;
  uint64_t queue_limit = 0;
  uint64_t flows = 0;
  uint64_t flow_limit = 0;
  std::array<uint64_t, kFlowExpiryName.size()> flows_expired{};  // by FlowExpiry
  // By Tracked: how often there was no room, so that loss may go uncounted.
  std::array<uint64_t, kTrackedName.size()> tracking_refusals{};
  uint64_t peers = 0;
  uint64_t peer_limit = 0;
  std::array<uint64_t, kPeerExpiryName.size()> peers_expired{};  // by PeerExpiry
  uint32_t flow_sample = 1;                                      // one flow in so many is captured
};

}  // namespace lossgazer
