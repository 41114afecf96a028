#include "app/top/troubled_flows.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>

namespace lossgazer {
namespace {

using std::chrono::seconds;

Verdict verdict(VerdictKind kind, uint32_t flow, int second = 0) {
  const Endpoint ours{IpAddress::v4(0xc0000201), 80};
  const Endpoint theirs{IpAddress::v4(0x0a000000 + flow), 5201};
  Verdict verdict;
  verdict.kind = kind;
  verdict.key = FlowKey::between(ours, theirs, 0);
  verdict.direction = Direction::kEgress;
  verdict.time = CaptureTime(seconds(1'800'000'000 + second));
  return verdict;
}

class Flows : public testing::Test {
 protected:
  TroubledFlow only() {
    EXPECT_EQ(flows_.all().size(), 1U);
    return flows_.all().at(0);
  }

  TroubledFlows flows_{HashKey{}};
};

TEST_F(Flows, AddUpWhatWasJudged) {
  Verdict lost = verdict(VerdictKind::kRetransmission, 1);
  lost.side = Side::kAfter;
  flows_.note(lost);
  flows_.note(verdict(VerdictKind::kSpuriousRetransmission, 1, 1));
  flows_.note(verdict(VerdictKind::kReordered, 1, 2));
  flows_.note(verdict(VerdictKind::kDuplicate, 1, 3));
  flows_.note(verdict(VerdictKind::kKeepAlive, 1, 9));
  EXPECT_EQ(only().sent_again, 2U);
  EXPECT_EQ(only().needless, 1U);
  EXPECT_EQ(only().late, 1U);
  EXPECT_EQ(only().copies, 1U);
  EXPECT_EQ(only().last_loss, Side::kAfter);
  EXPECT_EQ(only().last, CaptureTime(seconds(1'800'000'003)));
}

TEST_F(Flows, ARevisedVerdictIsNoSecondRepeat) {
  flows_.note(verdict(VerdictKind::kRetransmission, 1));
  Verdict revised = verdict(VerdictKind::kSpuriousRetransmission, 1);
  revised.revises = VerdictKind::kRetransmission;
  flows_.note(revised);
  EXPECT_EQ(only().sent_again, 1U);
  EXPECT_EQ(only().needless, 1U);
}

TEST_F(Flows, DirectionsAreKeptApart) {
  flows_.note(verdict(VerdictKind::kRetransmission, 1));
  Verdict back = verdict(VerdictKind::kRetransmission, 1);
  back.sender = other(back.sender);
  back.direction = Direction::kIngress;
  flows_.note(back);
  EXPECT_EQ(flows_.all().size(), 2U);
}

TEST_F(Flows, AFloodOfThemKeepsTheWorst) {
  for (int i = 0; i < 50; ++i) flows_.note(verdict(VerdictKind::kRetransmission, 1));
  for (uint32_t flow = 2; flow < 100'000; ++flow) {
    flows_.note(verdict(VerdictKind::kRetransmission, flow));
  }
  const std::vector<TroubledFlow> all = flows_.all();
  EXPECT_LE(all.size(), TroubledFlows::kFlowsMax);
  EXPECT_TRUE(std::ranges::any_of(all, [](const auto& flow) { return flow.sent_again == 50; }));
}

TEST_F(Flows, AQuietOneMakesRoomHoweverBadItWas) {
  for (int i = 0; i < 50; ++i) flows_.note(verdict(VerdictKind::kRetransmission, 1));
  for (uint32_t flow = 2; flow < 100'000; ++flow) {
    flows_.note(verdict(VerdictKind::kRetransmission, flow, 200));
  }
  EXPECT_TRUE(std::ranges::none_of(flows_.all(), [](const auto& f) { return f.sent_again == 50; }));
}

}  // namespace
}  // namespace lossgazer
