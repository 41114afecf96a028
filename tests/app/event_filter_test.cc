#include "app/event_filter.h"

#include <gtest/gtest.h>

#include "tests/app/event_verdict.h"

namespace lossgazer {
namespace {

using test::retransmission;

std::vector<IpPrefix> networks(const char* text) { return {*IpPrefix::parse(text)}; }

TEST(EventFilter, OneThatWasNotGivenLetsAllPass) {
  EXPECT_TRUE(EventFilter().passes(retransmission()));
  EXPECT_TRUE(EventFilter({}, {}).passes(retransmission()));
}

TEST(EventFilter, PeersAreTheEndThatIsNotUs) {
  const EventFilter theirs(networks("198.51.100.0/24"), {});
  const EventFilter ours(networks("192.0.2.0/24"), {});
  Verdict verdict = retransmission();
  EXPECT_TRUE(theirs.passes(verdict));
  EXPECT_FALSE(ours.passes(verdict));
  verdict.sender = Sender::kHigh;
  verdict.direction = Direction::kIngress;
  EXPECT_TRUE(theirs.passes(verdict));
  EXPECT_FALSE(ours.passes(verdict));
  verdict.direction.reset();  // nobody is us
  EXPECT_TRUE(theirs.passes(verdict));
  EXPECT_TRUE(ours.passes(verdict));
  EXPECT_FALSE(EventFilter(networks("203.0.113.0/24"), {}).passes(verdict));
}

TEST(EventFilter, WhatRevisesAVerdictThatPassedPassesToo) {
  const EventFilter filter({}, {VerdictKind::kRetransmission, VerdictKind::kReordered});
  Verdict verdict = retransmission();
  EXPECT_TRUE(filter.passes(verdict));
  verdict.kind = VerdictKind::kSpuriousRetransmission;
  EXPECT_FALSE(filter.passes(verdict));
  verdict.revises = VerdictKind::kRetransmission;
  EXPECT_TRUE(filter.passes(verdict));
  verdict.revises = VerdictKind::kInOrder;
  EXPECT_FALSE(filter.passes(verdict));
}

}  // namespace
}  // namespace lossgazer
