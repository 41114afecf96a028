// The flows that packets were sent again in, or came late: a bounded table, fed with verdicts by
// the threads that judge. A flow keeps no counters itself, so they are gathered here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "analyzer/keyed_hash.h"
#include "analyzer/verdict.h"

namespace lossgazer {

// One direction of one flow.
struct TroubledFlow {
  FlowKey key{};
  Sender sender = Sender::kLow;
  Direction direction = Direction::kEgress;
  uint64_t sent_again = 0;
  uint64_t needless = 0;  // of these
  uint64_t late = 0;
  uint64_t copies = 0;
  std::optional<Side> last_loss{};
  CaptureTime last{};  // of such a packet

  [[nodiscard]] uint64_t events() const { return sent_again + late + copies; }
};

// Any thread may call anything. A verdict costs one look at eight places; when those are taken, a
// new flow takes the place of one that is quiet for two minutes, else of the one with the fewest
// such packets.
class TroubledFlows {
 public:
  static constexpr size_t kFlowsMax = 2048;

  explicit TroubledFlows(HashKey secret) : secret_(secret), table_(kFlowsMax) {}

  void note(const Verdict& verdict);
  // Those there are, in no order.
  [[nodiscard]] std::vector<TroubledFlow> all() const;

 private:
  static constexpr size_t kWays = 8;

  [[nodiscard]] TroubledFlow& place_of(const Verdict& verdict);

  const HashKey secret_;
  mutable std::mutex mutex_;
  std::vector<TroubledFlow> table_;  // kWays places for each hash
};

}  // namespace lossgazer
