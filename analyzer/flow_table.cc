#include "analyzer/flow_table.h"

namespace lossgazer {
namespace {

// How many flows an eviction looks at: enough to find an old one, few enough to cost nothing.
constexpr int kEvictionSample = 16;

}  // namespace

uint32_t FlowTable::insert(const Segment& segment, uint32_t row, Sender first_sender,
                           bool has_direction) {
  const uint32_t number = flows_.acquire();
  if (number == kNone) return kNone;
  flows_[number] = Flow(number, segment.key, segment.hash, row, first_sender, has_direction);
  index_.insert(segment.hash, number);
  return number;
}

void FlowTable::erase(uint32_t number) {
  index_.erase(flows_[number].hash(), number);
  flows_[number] = Flow();
  flows_.release(number);
}

uint32_t FlowTable::eviction_candidate() {
  uint32_t oldest = kNone;
  for (int i = 0; i < kEvictionSample; ++i) {
    const uint32_t number = next_place();
    if (number == kNone) continue;
    if (oldest == kNone || flows_[number].last_packet() < flows_[oldest].last_packet()) {
      oldest = number;
    }
  }
  return oldest;
}

uint32_t FlowTable::next_place() {
  if (flows_.highest() == 0) return kNone;
  hand_ = hand_ % flows_.highest() + 1;
  return flows_[hand_].number() == kNone ? kNone : hand_;
}

void FlowTable::prefetch_flow(const Segment& segment) const {
  const uint32_t number = index_.likely(segment.hash);
  if (number == kNone) return;
  const auto* memory = static_cast<const char*>(static_cast<const void*>(&flows_[number]));
  for (size_t offset = 0; offset < sizeof(Flow); offset += 64) __builtin_prefetch(memory + offset);
}

}  // namespace lossgazer
