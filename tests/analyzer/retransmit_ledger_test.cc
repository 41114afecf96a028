#include "analyzer/retransmit_ledger.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

namespace lossgazer {
namespace {

using namespace std::chrono_literals;

RetransmitKey key(uint32_t peer, const std::string& process, uint32_t state = 1) {
  return {.peer = {.address = IpAddress::v4(0x0a000000 + peer)},
          .state = tcp_state_name(state),
          .process = process,
          .cgroup = "/system.slice/" + process};
}
const RetransmitKey kOther{.peer = {.kind = PeerKey::Kind::kOther}};

class RetransmitLedgerTest : public testing::Test {
 protected:
  [[nodiscard]] uint64_t segments(const RetransmitKey& of) const {
    const std::vector<RetransmitRow> rows = ledger_.rows();
    const auto row = std::ranges::find(rows, of, &RetransmitRow::key);
    return row == rows.end() ? 0 : row->segments;
  }

  RetransmitLedger ledger_{3, 60s};
  CaptureTime now_{1000s};
};

TEST_F(RetransmitLedgerTest, EachPeerStateAndOwnerHasItsOwn) {
  ledger_.add(key(1, "nginx"), 2, now_);
  ledger_.add(key(1, "curl"), 3, now_);
  ledger_.add(key(1, "nginx", 4), 4, now_);
  ledger_.add(key(1, "nginx"), 5, now_);
  EXPECT_EQ(segments(key(1, "nginx")), 7U);
  EXPECT_EQ(segments(key(1, "curl")), 3U);
  EXPECT_EQ(segments(key(1, "nginx", 4)), 4U);
  const std::vector<RetransmitRow> rows = ledger_.rows();
  EXPECT_TRUE(std::ranges::is_sorted(rows, {}, &RetransmitRow::key));
}

TEST_F(RetransmitLedgerTest, WhatFindsNoRoomIsOther) {
  for (uint32_t peer = 1; peer <= 5; ++peer) ledger_.add(key(peer, "curl"), peer, now_);
  EXPECT_EQ(segments(key(3, "curl")), 3U);
  EXPECT_EQ(segments(key(4, "curl")), 0U);
  EXPECT_EQ(segments(kOther), 9U);
  ledger_.add(key(3, "curl"), 1, now_);
  ledger_.add(kOther, 1, now_);
  EXPECT_EQ(segments(key(3, "curl")), 4U) << "who has a row keeps it";
  EXPECT_EQ(segments(kOther), 10U);
  EXPECT_EQ(ledger_.rows().size(), 4U);
  ledger_.set_limits(4, 60s);
  ledger_.add(key(4, "curl"), 7, now_);
  EXPECT_EQ(segments(key(4, "curl")), 7U);
}

TEST_F(RetransmitLedgerTest, IdleRowsEndAndBeginAnew) {
  ledger_.add(key(1, "curl"), 1, now_);
  const uint64_t life = ledger_.rows().front().life;
  ledger_.add(kOther, 1, now_);
  ledger_.add(key(2, "curl"), 2, now_ + 50s);
  ledger_.expire(now_ + 60s);
  EXPECT_EQ(ledger_.rows().size(), 3U);
  ledger_.expire(now_ + 61s);
  EXPECT_EQ(segments(key(1, "curl")), 0U);
  EXPECT_EQ(segments(key(2, "curl")), 2U);
  EXPECT_EQ(segments(kOther), 1U) << "it never ends";
  ledger_.add(key(1, "curl"), 5, now_ + 70s);
  EXPECT_EQ(ledger_.rows().front().segments, 5U);
  EXPECT_NE(ledger_.rows().front().life, life);
}

TEST(TcpStateName, IsTheKernelsNumberInWords) {
  EXPECT_EQ(tcp_state_name(1), "established");
  EXPECT_EQ(tcp_state_name(2), "syn_sent");
  EXPECT_EQ(tcp_state_name(3), "syn_recv");
  EXPECT_EQ(tcp_state_name(11), "closing");
  EXPECT_EQ(tcp_state_name(0), "");
  EXPECT_EQ(tcp_state_name(99), "");
}

}  // namespace
}  // namespace lossgazer
