// The TCP counters of this thread's network namespace, as /proc tells them. It compares nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "analyzer/kernel_counters.h"

namespace lossgazer {

struct KernelReading {
  KernelCounters tcp;
  // IP packets passed on for others: what they retransmit is in none of the counters above.
  uint64_t forwarded = 0;

  // Takes what a file of /proc/net says: snmp and netstat (a line of names, then one of values) or
  // snmp6 (a name and a value a line). What it does not know, or cannot read, it passes over.
  void take(std::string_view text);
};

// The files are opened once, so that they stay this namespace's, whichever thread reads them, and
// whatever it may open. Any thread may read.
class KernelStatistics {
 public:
  // Throws std::runtime_error if the counters cannot be read.
  KernelStatistics();
  ~KernelStatistics();
  KernelStatistics(const KernelStatistics&) = delete;
  KernelStatistics& operator=(const KernelStatistics&) = delete;

  // Nothing of a file that cannot be read any more.
  [[nodiscard]] KernelReading read() const;

 private:
  std::vector<int> files_;
};

}  // namespace lossgazer
