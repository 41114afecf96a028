#include "analyzer/loss_counters.h"

#include <cstddef>

namespace lossgazer {
namespace {

template <size_t N>
void add(std::array<uint64_t, N>& sum, const std::array<uint64_t, N>& more) {
  for (size_t i = 0; i < N; ++i) sum[i] += more[i];
}

}  // namespace

LossCounters& LossCounters::operator+=(const LossCounters& more) {
  packets += more.packets;
  data_segments += more.data_segments;
  payload_bytes += more.payload_bytes;
  add(lost_packets[0], more.lost_packets[0]);
  add(lost_packets[1], more.lost_packets[1]);
  unanswered_segments += more.unanswered_segments;
  census_packets += more.census_packets;
  retransmitted_segments += more.retransmitted_segments;
  retransmitted_bytes += more.retransmitted_bytes;
  spurious_retransmissions += more.spurious_retransmissions;
  add(handshake_retransmissions, more.handshake_retransmissions);
  reordered_segments += more.reordered_segments;
  duplicate_packets += more.duplicate_packets;
  duplicate_acks += more.duplicate_acks;
  zero_windows += more.zero_windows;
  resets += more.resets;
  ecn_ce_packets += more.ecn_ce_packets;
  unseen_bytes += more.unseen_bytes;
  add(connections, more.connections);
  rtt_count += more.rtt_count;
  rtt_sum += more.rtt_sum;
  add(rtt_buckets, more.rtt_buckets);
  return *this;
}

}  // namespace lossgazer
