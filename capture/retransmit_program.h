// retransmits.bpf.c, loaded into the kernel by libbpf, and what it counted. It keeps no totals.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capture/retransmit_record.h"

namespace lossgazer {

struct RetransmitCount {
  RetransmitRecord record;
  uint64_t segments = 0;
};

// Of one thread, which needs CAP_BPF and CAP_PERFMON for all of it.
class RetransmitProgram {
 public:
  // Counts from now on what this thread's network namespace sends again. Throws std::runtime_error
  // if the kernel does not let it.
  RetransmitProgram();
  ~RetransmitProgram();
  RetransmitProgram(const RetransmitProgram&) = delete;
  RetransmitProgram& operator=(const RetransmitProgram&) = delete;

  // Takes away what was counted until the call before this one: the kernel writes to none of it any
  // more. To be called with time between.
  [[nodiscard]] std::vector<RetransmitCount> take();
  // Segments that it could not count by owner, since the last time it was asked.
  [[nodiscard]] uint64_t take_missed();

  // Whether it met a socket since the last walk() whose holder it does not know.
  [[nodiscard]] bool wants_walk() const;
  // Lets it see who holds which socket, in this thread's PID namespace: as long as reading /proc
  // for it would take. Throws std::system_error.
  void walk();

  // The path of a cgroup of RetransmitRecord; empty if its name is not known.
  [[nodiscard]] std::string cgroup_path(uint64_t cgroup) const;

 private:
  struct Loaded;
  std::unique_ptr<Loaded> loaded_;
  uint64_t missed_ = 0;
};

}  // namespace lossgazer
