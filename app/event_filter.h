// Which verdicts become events: those about certain peers, of certain kinds.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/ip_address.h"
#include "analyzer/network_set.h"
#include "analyzer/verdict.h"

namespace lossgazer {

// Immutable. Any number of threads may ask one.
class EventFilter {
 public:
  EventFilter() = default;  // lets all pass
  // Of each, none: all.
  EventFilter(const std::vector<IpPrefix>& peers, const std::vector<VerdictKind>& kinds);

  // The peer is the end that is not us, or either if nobody is. What revises a verdict that passed
  // passes too, or what was told would stay untrue.
  [[nodiscard]] bool passes(const Verdict& verdict) const noexcept;

 private:
  [[nodiscard]] bool has(VerdictKind kind) const {
    return (kinds_ >> static_cast<unsigned>(kind) & 1U) != 0;
  }

  NetworkSet peers_;      // none: all
  uint32_t kinds_ = ~0U;  // a bit for each VerdictKind
};

}  // namespace lossgazer
