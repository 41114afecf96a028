#include "analyzer/flow_table.h"

namespace lossgazer {
namespace {

// How many flows an eviction looks at: enough to find an old one, few enough to cost nothing.
constexpr int kEvictionSample = 16;
// A connection silent for less is in use.
constexpr Duration kInUse = std::chrono::seconds(5);

}  // namespace

uint32_t FlowTable::insert(const Segment& segment, uint32_t row, Sender first_sender,
                           bool has_direction) {
  const uint32_t number = places_.acquire();
  if (number == kNone) return kNone;
  Place& place = places_[number];
  place.flow = Flow(segment.key, segment.hash, row, first_sender, has_direction);
  place.used = 1;
  index_.insert(segment.hash, number);
  return number;
}

void FlowTable::erase(uint32_t number) {
  Place& place = places_[number];
  index_.erase(place.flow.hash(), number);
  if (is_queued(number)) unlink(number);
  place = Place();
  places_.release(number);
}

uint32_t FlowTable::eviction_candidate(CaptureTime now) {
  for (int i = 0; i < kEvictionSample && queue_first_ != kNone; ++i) {
    const uint32_t number = queue_first_;
    if (!places_[number].heard) return number;
    unlink(number);
    enqueue(number);
  }
  if (queue_first_ != kNone) return queue_first_;
  uint32_t oldest = kNone;
  for (int i = 0; i < kEvictionSample; ++i) {
    const uint32_t number = next_place();
    if (number == kNone) continue;
    if (oldest == kNone || (*this)[number].last_packet() < (*this)[oldest].last_packet()) {
      oldest = number;
    }
  }
  if (oldest == kNone) return kNone;
  // Where the clock went back, nobody can be said to have spoken lately.
  const Duration silence = now - (*this)[oldest].last_packet();
  return silence < kInUse && silence > -kInUse ? kNone : oldest;
}

uint32_t FlowTable::next_place() {
  if (places_.highest() == 0) return kNone;
  hand_ = hand_ % places_.highest() + 1;
  return places_[hand_].used != 0 ? hand_ : kNone;
}

void FlowTable::prefetch_flow(const Segment& segment) const {
  const uint32_t number = index_.likely(segment.hash);
  if (number == kNone) return;
  const auto* memory = static_cast<const char*>(static_cast<const void*>(&places_[number]));
  for (size_t offset = 0; offset < sizeof(Place); offset += 64) {
    __builtin_prefetch(memory + offset);
  }
  __builtin_prefetch(memory + sizeof(Place) - 1);  // it may begin anywhere in a line
}

void FlowTable::enqueue(uint32_t number) noexcept {
  Place& place = places_[number];
  place.heard = 0;
  place.previous = queue_last_ & kMost;
  place.next = kNone;
  if (queue_last_ == kNone) {
    queue_first_ = number;
  } else {
    places_[queue_last_].next = number & kMost;
  }
  queue_last_ = number;
}

void FlowTable::unlink(uint32_t number) noexcept {
  Place& place = places_[number];
  if (place.previous == kNone) {
    queue_first_ = place.next;
  } else {
    places_[place.previous].next = place.next;
  }
  if (place.next == kNone) {
    queue_last_ = place.previous;
  } else {
    places_[place.next].previous = place.previous;
  }
  place.previous = place.next = kNone;
}

}  // namespace lossgazer
