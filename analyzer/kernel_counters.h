// What the kernel itself counted of TCP in our network namespace, and how our count compares. It
// reads nothing: whoever does, fills it in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lossgazer {

enum class KernelCounter : uint8_t {
  kRetransSegs,
  kOutSegs,
  kInSegs,
  kInErrs,
  kOutRsts,
  kAttemptFails,
  kSynRetrans,
  kTimeouts,
  kFastRetrans,
  kSlowStartRetrans,
  kLossProbes,
  kLossProbeRecovery,
  kLostRetransmit,
  kRetransFail,
  kSpuriousRtos,
  kDsackRecv,
  kDsackOfoRecv,
  kDsackOldSent,
  kSackReorder,
  kOfoQueue,
  kOfoDrop,
  kRcvQDrop,
  kBacklogDrop,
  kListenOverflows,
  kListenDrops,
  kAbortOnTimeout,
};
// As nstat(8) prints them: the line's name in /proc/net/snmp or netstat, then the column's.
inline constexpr std::array<std::string_view, 26> kKernelCounterName = {
    "TcpRetransSegs",
    "TcpOutSegs",
    "TcpInSegs",
    "TcpInErrs",
    "TcpOutRsts",
    "TcpAttemptFails",
    "TcpExtTCPSynRetrans",
    "TcpExtTCPTimeouts",
    "TcpExtTCPFastRetrans",
    "TcpExtTCPSlowStartRetrans",
    "TcpExtTCPLossProbes",
    "TcpExtTCPLossProbeRecovery",
    "TcpExtTCPLostRetransmit",
    "TcpExtTCPRetransFail",
    "TcpExtTCPSpuriousRTOs",
    "TcpExtTCPDSACKRecv",
    "TcpExtTCPDSACKOfoRecv",
    "TcpExtTCPDSACKOldSent",
    "TcpExtTCPSACKReorder",
    "TcpExtTCPOFOQueue",
    "TcpExtTCPOFODrop",
    "TcpExtTCPRcvQDrop",
    "TcpExtTCPBacklogDrop",
    "TcpExtListenOverflows",
    "TcpExtListenDrops",
    "TcpExtTCPAbortOnTimeout",
};

struct KernelCounters {
  std::array<std::optional<uint64_t>, kKernelCounterName.size()> values;  // nothing: not counted

  [[nodiscard]] std::optional<uint64_t> of(KernelCounter counter) const {
    return values[static_cast<size_t>(counter)];
  }
};

// What the kernel says beside our own counts.
struct KernelWord {
  KernelCounters counters{};
  // Our egress retransmissions over the kernel's (KernelAgreement); nothing where that cannot be
  // told.
  std::optional<double> agreement{};
};

}  // namespace lossgazer
