// Packets that attackers choose, beside a connection with known losses: it stays judged right, each
// packet is accounted for, tables keep their limits, and a packet costs what it cost before.

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "analyzer/flow_table.h"
#include "analyzer/hole_list.h"
#include "analyzer/shard.h"

namespace lossgazer {
namespace {

using testing::Each;
using testing::Ge;
using testing::Le;
using namespace std::chrono_literals;

constexpr HashKey kSecret{7, 11};
constexpr CaptureTime kStart(1'000'000s);
const Endpoint kUs{IpAddress::v4(0xc0000201), 443};
const Endpoint kPeer{IpAddress::v4(0xc6336407), 40000};

Segment packet(const Endpoint& from, const Endpoint& to, CaptureTime time, uint8_t flags,
               uint32_t seq, uint32_t ack = 0, uint32_t length = 0) {
  Segment segment;
  segment.key = FlowKey::between(from, to, 0);
  segment.hash = hash_of(kSecret, segment.key);
  segment.time = time;
  segment.tcp_flags = flags;
  segment.seq = SeqNum(seq);
  segment.ack = SeqNum(ack);
  segment.payload_length = length;
  segment.tcp_header_length = 20;
  segment.window = 1000;
  segment.bits = kHasWindow;
  if (segment.key.end(Sender::kHigh) == from) segment.bits |= kFromHigh;
  return segment;
}

// An address and port of 10.0.0.0/8, another one for each number below 2^24.
Endpoint stranger(uint32_t number, uint16_t port = 1024) {
  return {IpAddress::v4(0x0a000000 + (number & 0xffffff)), port};
}

// A shard, and what was given to it.
class Capture {
 public:
  explicit Capture(size_t flows_max) : shard_(config(flows_max)) {}

  void take(const Segment& segment) {
    batch_.push_back(segment);
    if (batch_.size() == 256) flush();
  }
  void flush() {
    offered_ += batch_.size();
    const Duration before = cpu_time();
    shard_.judge(batch_);
    judging_ += cpu_time() - before;
    batch_.clear();
  }
  void tick(CaptureTime now) {
    flush();
    shard_.tick(now);
  }
  // What was counted since the start.
  struct Totals {
    std::array<LossCounters, 2> peer;  // kPeer's, by Direction
    SourceOutcome outcome;
    uint64_t flows = 0;
    uint64_t evicted = 0;
    std::array<uint64_t, kTrackedName.size()> refusals{};
  };
  const Totals& totals() {
    flush();
    const ShardDelta delta = shard_.drain();
    for (const PeerRow& row : delta.peers) {
      if (row.key.address != kPeer.address) continue;
      for (size_t i = 0; i < 2; ++i) totals_.peer[i] += row.counters[i];
    }
    for (const SourceOutcome& outcome : delta.outcomes) {
      totals_.outcome.judged += outcome.judged;
      totals_.outcome.flow_table_drops += outcome.flow_table_drops;
    }
    totals_.flows = delta.flows;
    totals_.evicted += delta.flows_expired[static_cast<size_t>(FlowExpiry::kEvicted)];
    for (size_t i = 0; i < delta.refusals.size(); ++i) totals_.refusals[i] += delta.refusals[i];
    return totals_;
  }
  [[nodiscard]] uint64_t offered() const { return offered_; }
  [[nodiscard]] Duration per_packet() const {
    return judging_ / static_cast<Duration::rep>(offered_);
  }

 private:
  static ShardConfig config(size_t flows_max) {
    ShardConfig config;
    config.flows_max = flows_max;
    config.secret = kSecret;
    config.local =
        std::make_shared<const NetworkSet>(std::vector{IpPrefix::parse("192.0.2.0/24").value()});
    return config;
  }
  // The thread's own: what others do on this machine is not in it.
  static Duration cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }

  Shard shard_;
  std::vector<Segment> batch_;
  uint64_t offered_ = 0;
  Duration judging_{};
  Totals totals_;
};

// The peer sends us three segments a tenth of a second; the second is lost before the capture
// point, SACKed around and sent again.
class LossyConnection {
 public:
  explicit LossyConnection(Capture& capture) : capture_(capture) {
    peer(kStart, kSyn, 0, 0);
    us(kStart, kSyn | kAck);
    acked_ = 1;
    peer(kStart + 1ms, kAck, 1, 0);
  }
  void lose_one(CaptureTime now) {
    const uint32_t seq = acked_;
    peer(now, kAck, seq, 1000);
    peer(now + 1ms, kAck, seq + 2000, 1000);
    acked_ = seq + 1000;
    Segment ack = packet(kUs, kPeer, now + 1ms, kAck, kOurIsn + 1, kIsn + acked_);
    ack.sack_count = 1;
    ack.sack[0] = {SeqNum(kIsn + seq + 2000), SeqNum(kIsn + seq + 3000)};
    capture_.take(ack);
    peer(now + 50ms, kAck, seq + 1000, 1000);
    acked_ = seq + 3000;
    us(now + 50ms, kAck);
    ++lost_;
  }
  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  static constexpr uint32_t kIsn = 0xffff0000;
  static constexpr uint32_t kOurIsn = 0xfffffff0;

  void peer(CaptureTime now, uint8_t flags, uint32_t seq, uint32_t length) {
    Segment segment = packet(kPeer, kUs, now, flags, kIsn + seq, kOurIsn + 1, length);
    segment.bits |= kHasTsval;
    segment.tsval = static_cast<uint32_t>(now.time_since_epoch() / 1ms);
    capture_.take(segment);
  }
  void us(CaptureTime now, uint8_t flags) {
    const uint32_t acked = (flags & kSyn) != 0 ? 1 : acked_;
    capture_.take(
        packet(kUs, kPeer, now, flags, kOurIsn + ((flags & kSyn) != 0 ? 0 : 1), kIsn + acked));
  }

  Capture& capture_;
  uint32_t acked_ = 0;
  uint64_t lost_ = 0;
};

// The i-th packets of an attack, told to `capture`.
using Attack = std::function<void(Capture& capture, uint32_t i, CaptureTime now)>;

constexpr uint32_t kRounds = 200;
constexpr uint32_t kPerRound = 500;
constexpr size_t kFlowsMax = 10'000;

// Fifty connections that transfer data.
void ordinary(Capture& capture, uint32_t i, CaptureTime now) {
  const Endpoint far = stranger(i % 50, static_cast<uint16_t>(2000 + i % 50));
  const uint32_t seq = i / 50 * 1000;
  capture.take(packet(far, kUs, now, kAck, seq, 1, 1000));
  capture.take(packet(kUs, far, now, kAck, 1, seq + 1000));
}

Duration ordinary_cost() {
  Capture capture(kFlowsMax);
  for (uint32_t i = 0; i < kRounds * kPerRound; ++i) ordinary(capture, i, kStart + i * 200us);
  capture.flush();
  return capture.per_packet();
}

struct Aftermath {
  Capture::Totals totals;
  Duration per_packet;
};

// Twenty seconds of it. Whatever it is, these hold.
Aftermath suffer(const Attack& attack) {
  Capture capture(kFlowsMax);
  LossyConnection connection(capture);
  for (uint32_t round = 0; round < kRounds; ++round) {
    const CaptureTime now = kStart + (round + 1) * 100ms;
    for (uint32_t i = 0; i < kPerRound; ++i) attack(capture, round * kPerRound + i, now);
    connection.lose_one(now);
    capture.tick(now + 99ms);
  }
  capture.tick(kStart + kRounds * 100ms + 3s);
  capture.tick(kStart + kRounds * 100ms + 3s);
  const Capture::Totals& totals = capture.totals();
  const LossCounters& ingress = totals.peer[1];
  EXPECT_EQ(ingress.lost(Side::kBefore, LossMethod::kSequence), connection.lost());
  EXPECT_EQ(ingress.lost(Side::kAfter, LossMethod::kSequence), 0U);
  EXPECT_EQ(ingress.retransmitted_segments, connection.lost());
  EXPECT_EQ(ingress.spurious_retransmissions, 0U);
  EXPECT_EQ(ingress.unseen_bytes, 0U);
  EXPECT_EQ(ingress.connections[static_cast<size_t>(ConnectionOutcome::kOpened)], 1U);
  EXPECT_EQ(totals.outcome.judged + totals.outcome.flow_table_drops, capture.offered());
  EXPECT_LE(totals.flows, kFlowsMax);
  return {totals, capture.per_packet()};
}

// Far apart, since others work on the machine, and caches are cold after them. Ten thousand flows
// looked at for a packet would cost hundreds of times as much.
void expect_flat(Duration per_packet) {
  const Duration ordinary = ordinary_cost();
  EXPECT_LT(per_packet, 40 * ordinary) << "ns a packet: " << per_packet.count() << " and "
                                       << ordinary.count() << " for ordinary ones";
}

TEST(Flood, AttemptsFromForgedAddresses) {
  const Aftermath after = suffer([](Capture& capture, uint32_t i, CaptureTime now) {
    capture.take(packet(stranger(i * 2654435761U), kUs, now, kSyn, i));
    capture.take(packet(kUs, stranger(i * 2654435761U), now, kSyn | kAck, 1, i + 1));
  });
  EXPECT_GT(after.totals.evicted, kRounds * kPerRound - 2 * kFlowsMax);
  EXPECT_EQ(after.totals.outcome.flow_table_drops, 0U);
  expect_flat(after.per_packet);
}

TEST(Flood, PortScan) {
  const Aftermath after = suffer([](Capture& capture, uint32_t i, CaptureTime now) {
    const Endpoint scanned{kUs.address, static_cast<uint16_t>(i)};
    capture.take(packet(stranger(i / 65536), scanned, now, kSyn, i));
    capture.take(packet(scanned, stranger(i / 65536), now, kRst | kAck, 0, i + 1));
  });
  EXPECT_GT(after.totals.evicted, 0U);
  expect_flat(after.per_packet);
}

// Far more connections than there is room for, none of which ever rests for long.
TEST(Flood, ConnectionsByTheHundredThousand) {
  const Aftermath after = suffer([](Capture& capture, uint32_t i, CaptureTime now) {
    const Endpoint far = stranger(i);
    capture.take(packet(far, kUs, now, kSyn, 99));
    capture.take(packet(kUs, far, now, kSyn | kAck, 199, 100));
    capture.take(packet(far, kUs, now, kAck, 100, 200, 10));
    capture.take(packet(kUs, far, now, kAck, 200, 110));
  });
  EXPECT_GT(after.totals.outcome.flow_table_drops, 0U) << "no room among connections in use";
  EXPECT_GT(after.totals.evicted, 0U) << "those at rest make room";
  expect_flat(after.per_packet);
}

TEST(Flood, SequenceNumbersThatOpenHoles) {
  const Aftermath after = suffer([](Capture& capture, uint32_t i, CaptureTime now) {
    // Two thousand forged streams that skip as much as they show.
    capture.take(packet(stranger(i % 2000), kUs, now, kAck, 7 + i / 2000 * 2000, 1, 1000));
    capture.take(packet(stranger(i % 2000), kUs, now, kAck, 7 + i / 2000 * 2000 + 100'000, 1, 10));
  });
  expect_flat(after.per_packet);
}

TEST(Flood, IdentificationNumbersThatConfuseTheCensus) {
  std::mt19937 random(5);
  const Aftermath after = suffer([&](Capture& capture, uint32_t i, CaptureTime now) {
    Segment segment = packet(stranger(i % 4000), kUs, now, kAck, 7 + i / 4000 * 1000, 1, 1000);
    segment.bits |= kHasIpId;
    // Sequential for long enough to be believed, then with gaps.
    const uint32_t n = i / 4000;
    segment.ip_id = static_cast<uint16_t>(n < 12 ? n : n * 40 + random() % 30);
    capture.take(segment);
  });
  expect_flat(after.per_packet);
}

TEST(Flood, PeersByTheHundredThousand) {
  const Aftermath after = suffer([](Capture& capture, uint32_t i, CaptureTime now) {
    capture.take(packet(stranger(i * 7919), kUs, now, kAck, 1, 1, 100));
    capture.take(packet(kUs, stranger(i * 7919), now, kAck, 1, 101));
  });
  expect_flat(after.per_packet);
}

// Holes in as many forged streams as there is memory for holes: none are left for them, and enough
// for a connection.
TEST(Flood, ForgedStreamsCannotUseUpWhatConnectionsNeed) {
  Capture capture(100'000);
  LossyConnection connection(capture);
  for (uint32_t i = 0; i < 90'000; ++i) {
    for (uint32_t hole = 0; hole < 6; ++hole) {
      capture.take(packet(stranger(i), kUs, kStart + 10ms, kAck, 7 + hole * 2000, 1, 1000));
    }
  }
  for (uint32_t round = 0; round < 100; ++round) {
    connection.lose_one(kStart + (round + 1) * 100ms);
    capture.tick(kStart + (round + 1) * 100ms + 99ms);
  }
  for (int i = 0; i < 50; ++i) capture.tick(kStart + 15s);
  const Capture::Totals& totals = capture.totals();
  EXPECT_EQ(totals.peer[1].lost(Side::kBefore, LossMethod::kSequence), 100U);
  EXPECT_GT(totals.refusals[static_cast<size_t>(Tracked::kTroubles)], 0U);
  EXPECT_EQ(totals.outcome.judged, capture.offered());
}

// A connection that opens more holes than are kept of one: counted, and nobody else is the worse.
TEST(Flood, HolesOfOneConnectionBeyondItsLimitAreCounted) {
  Capture capture(100);
  LossyConnection connection(capture);
  const Endpoint far = stranger(1);
  capture.take(packet(far, kUs, kStart, kAck, 0, 1, 1000));
  capture.take(packet(kUs, far, kStart, kAck, 1, 1000));
  for (uint32_t hole = 1; hole <= HoleList::kMax + 10; ++hole) {
    capture.take(packet(far, kUs, kStart + 1ms, kAck, hole * 2000, 1, 1000));
  }
  connection.lose_one(kStart + 2ms);
  capture.tick(kStart + 3s);
  EXPECT_EQ(capture.totals().refusals[static_cast<size_t>(Tracked::kHoles)], 10U);
  EXPECT_EQ(capture.totals().peer[1].lost(Side::kBefore, LossMethod::kSequence), 1U);
}

// A table full of connections at rest, then ten times as many attempts as it holds: not one
// connection goes.
TEST(FlowTable, EveryConnectionOutlivesAFloodOfAttempts) {
  constexpr uint32_t kConnections = 900;
  Capture capture(1000);
  for (uint32_t i = 0; i < kConnections; ++i) {
    capture.take(packet(stranger(i), kUs, kStart, kAck, 100, 1, 100));
    capture.take(packet(kUs, stranger(i), kStart, kAck, 1, 200));
  }
  for (uint32_t i = 0; i < 10'000; ++i) {
    capture.take(packet(stranger(1'000'000 + i), kUs, kStart + 1s + i * 1us, kSyn, i));
  }
  EXPECT_EQ(capture.totals().evicted, 10'000U - 100U);
  // Each still knows what it was sent: the same again is told as such.
  for (uint32_t i = 0; i < kConnections; ++i) {
    capture.take(packet(kUs, stranger(i), kStart + 20s, kAck, 1, 200, 10));
  }
  EXPECT_EQ(capture.totals().evicted, 10'000U - 100U) << "none had to be met anew";
}

// A direction of which only one way passes here is no connection, but spoke since: it stays.
TEST(FlowTable, AnAttemptHeardOfSinceOutlivesThoseThatWereNot) {
  FlowTable table(100);
  const auto add = [&](uint32_t i) {
    const Segment segment = packet(stranger(i), kUs, kStart, kSyn, 1);
    const uint32_t number = table.insert(segment, 1, Sender::kLow, true);
    table.note_packet(number);
    return number;
  };
  const uint32_t heard = add(0);
  for (uint32_t i = 1; i < 100; ++i) std::ignore = add(i);
  for (uint32_t i = 100; i < 1000; ++i) {
    if (i % 50 == 0) table.note_packet(heard);
    const uint32_t victim = table.eviction_candidate(kStart);
    ASSERT_NE(victim, kNone);
    ASSERT_NE(victim, heard);
    table.erase(victim);
    std::ignore = add(i);
  }
}

// Every flow was heard of since: the first goes all the same, after a bounded number of looks.
TEST(FlowTable, MakesRoomThoughAllWereHeardOf) {
  constexpr uint32_t kFlows = 5000;
  FlowTable table(kFlows);
  for (uint32_t i = 0; i < kFlows; ++i) {
    const uint32_t number =
        table.insert(packet(stranger(i), kUs, kStart, kSyn, 1), 1, Sender::kLow, true);
    table.note_packet(number);
    table.note_packet(number);
  }
  for (uint32_t i = 0; i < kFlows; ++i) {
    const uint32_t victim = table.eviction_candidate(kStart);
    ASSERT_NE(victim, kNone);
    table.erase(victim);
  }
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.eviction_candidate(kStart), kNone);
}

// Which flows meet in one bucket, or one shard, nobody can tell without the key.
TEST(KeyedHash, FlowsChosenToCollideUnderOneKeySpreadUnderAnother) {
  constexpr uint32_t kBuckets = 4096;
  constexpr uint32_t kShards = 8;
  constexpr HashKey kKnown{1, 2};
  std::vector<FlowKey> chosen;
  for (uint32_t i = 0; chosen.size() < 2048; ++i) {
    const FlowKey key = FlowKey::between(stranger(i), kUs, 0);
    if (hash_of(kKnown, key) % kBuckets == 17) chosen.push_back(key);
  }
  std::vector<uint32_t> buckets(kBuckets);
  std::vector<uint32_t> shards(kShards);
  for (const FlowKey& key : chosen) {
    const uint64_t hash = hash_of(kSecret, key);
    ++buckets[hash % kBuckets];
    ++shards[(hash >> 32) * kShards >> 32];
  }
  EXPECT_THAT(buckets, Each(Le(8U)));
  EXPECT_THAT(shards, Each(Ge(chosen.size() / kShards * 3 / 4)));
}

}  // namespace
}  // namespace lossgazer
