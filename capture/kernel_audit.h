// The kernel's own word beside ours: its TCP counters, and whether our count of what this host
// sent again agrees with them. It judges no packet, and changes nothing that is counted.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "analyzer/kernel_agreement.h"
#include "analyzer/kernel_counters.h"
#include "analyzer/snapshot.h"
#include "capture/kernel_statistics.h"

namespace lossgazer {

// The counts can be held against each other only while the capture sees what the namespace sends,
// and nothing else that looks like it. So nothing is told of a time in which
// - the capture dropped packets, was opened again, or had no room for a flow or what is kept of it;
// - packets left by a link that is not captured, or were forwarded: behind address translation they
//   look like ours. Few are borne: each can be one retransmission at most.
// What a link sends that is part of another (of a bridge, a bond) is that one's. The loopback is
// taken to lose nothing. A card's drops are of what it receives, and hide nothing that was sent.
//
// One thread calls look() and set_whole(); any thread may call word().
class KernelAudit {
 public:
  // Throws std::runtime_error if the kernel's counters cannot be read.
  KernelAudit() = default;

  // Whether the capture is to leave out nothing of what the namespace sends, and to take nothing
  // else for it. Until this is said, nothing is told.
  void set_whole(bool whole);
  // Whether it is time to look() again.
  [[nodiscard]] bool due() const;
  void look(const Snapshot& snapshot);

  [[nodiscard]] KernelWord word() const;

 private:
  [[nodiscard]] uint64_t sent_elsewhere(const CaptureHealth& health);

  const KernelStatistics statistics_;
  bool whole_ = false;
  CaptureTime looked_;
  std::map<uint32_t, uint64_t> sent_;  // packets, by each link's index
  uint64_t elsewhere_ = 0;             // of them, by links that were not captured
  KernelAgreement agreement_;

  mutable std::mutex mutex_;  // guards what follows
  std::optional<double> ratio_;
};

}  // namespace lossgazer
