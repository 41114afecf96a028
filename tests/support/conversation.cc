#include "tests/support/conversation.h"

#include <algorithm>
#include <memory>

namespace lossgazer::test {
namespace {

constexpr Endpoint kUs{IpAddress::v4(0xc0000201), 40000};
constexpr Endpoint kPeer{IpAddress::v4(0xc6336407), 443};
constexpr HashKey kSecret{1, 2};

void set(Segment& segment, SegmentBit bit) {
  segment.bits = static_cast<uint16_t>(segment.bits | bit);
}

}  // namespace

ShardConfig Conversation::usual_config() {
  ShardConfig config;
  config.secret = kSecret;
  config.local = std::make_shared<const NetworkSet>(std::vector{IpPrefix(kUs.address)});
  return config;
}

Conversation::Conversation() : Conversation(usual_config()) {}

Conversation::Conversation(const ShardConfig& config)
    : shard_(config, [this](const Verdict& verdict) { verdicts_.push_back(verdict); }),
      shared_counters_(kSecret) {}

Conversation& Conversation::us(const Packet& packet) {
  send(packet, true);
  return *this;
}

Conversation& Conversation::peer(const Packet& packet) {
  send(packet, false);
  return *this;
}

Conversation& Conversation::handshake(Duration rtt) {
  us({.seq = 0, .ack = 0, .flags = kSyn, .mss = 1460});
  peer({.at = rtt, .seq = 0, .ack = 1, .flags = kSyn | kAck, .mss = 1460});
  us({.at = rtt, .seq = 1, .ack = 1});
  return *this;
}

Conversation& Conversation::tick(Duration at) {
  shard_.tick(kStart + at);
  return *this;
}

Conversation& Conversation::finish() {
  shard_.finish();
  return *this;
}

void Conversation::send(const Packet& packet, bool from_us) {
  const uint32_t own_isn = from_us ? kUsIsn : kPeerIsn;
  const uint32_t other_isn = from_us ? kPeerIsn : kUsIsn;
  Segment segment;
  const Endpoint us{kUs.address, static_cast<uint16_t>(kUs.port + packet.connection)};
  segment.key = FlowKey::between(us, kPeer, 0);
  segment.hash = hash_of(kSecret, segment.key);
  segment.time = kStart + packet.at;
  segment.frame = ++frames_;
  segment.seq = SeqNum(own_isn + packet.seq);
  segment.tcp_flags = packet.flags;
  if (segment.flag(kAck)) segment.ack = SeqNum(other_isn + packet.ack);
  segment.payload_length = packet.length;
  segment.window = packet.window;
  segment.checksum = packet.checksum;
  segment.mss = packet.mss;
  segment.link = packet.link;
  segment.source = packet.source;
  segment.bits = packet.bits;
  segment.tcp_header_length = 20;
  set(segment, kHasWindow);
  if (segment.key.end(Sender::kHigh) == (from_us ? us : kPeer)) set(segment, kFromHigh);
  if (packet.ip_id) {
    set(segment, kHasIpId);
    segment.ip_id = *packet.ip_id;
  }
  if (packet.tsval) {
    set(segment, kHasTsval);
    segment.tsval = *packet.tsval;
    segment.tcp_header_length = 32;
  }
  if (packet.tsecr) {
    set(segment, kHasTsecr);
    segment.tsecr = *packet.tsecr;
  }
  for (const auto& [left, right] : packet.sack) {
    segment.sack[segment.sack_count++] = {SeqNum(other_isn + left), SeqNum(other_isn + right)};
  }
  shared_counters_.mark(segment);
  shard_.judge(segment);
}

std::vector<std::string> Conversation::verdicts() const {
  std::vector<std::string> lines;
  for (const Verdict& verdict : verdicts_) {
    const bool from_us = verdict.key.end(verdict.sender).address == kUs.address;
    const uint32_t isn = from_us ? kUsIsn : kPeerIsn;
    std::string line = from_us ? "us " : "peer ";
    line += std::to_string(verdict.seq.raw() - isn) + " ";
    line += name_of(verdict.kind);
    if (verdict.side) line += *verdict.side == Side::kBefore ? " before" : " after";
    line += " ";
    line += name_of(verdict.evidence);
    if (verdict.revises) line += " (was " + std::string(name_of(*verdict.revises)) + ")";
    lines.push_back(line);
  }
  return lines;
}

void Conversation::drain() {
  const ShardDelta delta = shard_.drain();
  for (const PeerRow& row : delta.peers) {
    for (size_t i = 0; i < counters_.size(); ++i) counters_[i] += row.counters[i];
  }
  for (const SourceOutcome& outcome : delta.outcomes) {
    outcome_.judged += outcome.judged;
    outcome_.flow_table_drops += outcome.flow_table_drops;
    for (size_t i = 0; i < outcome_.ignored.size(); ++i) outcome_.ignored[i] += outcome.ignored[i];
  }
}

const LossCounters& Conversation::egress() {
  drain();
  return counters_[0];
}

const LossCounters& Conversation::ingress() {
  drain();
  return counters_[1];
}

const SourceOutcome& Conversation::outcome() {
  drain();
  return outcome_;
}

}  // namespace lossgazer::test
