#include "app/event_format.h"

#include <gtest/gtest.h>

#include "tests/app/event_verdict.h"

namespace lossgazer {
namespace {

using test::retransmission;

TEST(EventFormat, LiveLinesNameTheInterfaceInPlaceOfAFrame) {
  EXPECT_EQ(event_line(retransmission(), EventNames::kOwn, {.interface = "eth0"}),
            "{\"time\":\"2023-11-14T22:13:20.040000007Z\",\"interface\":\"eth0\","
            "\"src\":\"192.0.2.1\",\"src_port\":40000,\"dst\":\"198.51.100.7\",\"dst_port\":443,"
            "\"direction\":\"egress\",\"seq\":4294967280,\"length\":1448,"
            "\"verdict\":\"retransmission\",\"side\":\"peer\",\"evidence\":\"tsval\"}\n");
}

TEST(EventFormat, EcsNamesAreNested) {
  EXPECT_EQ(event_line(retransmission(), EventNames::kEcs, {.interface = "eth0"}),
            "{\"@timestamp\":\"2023-11-14T22:13:20.040000007Z\",\"ecs\":{\"version\":\"8.11.0\"},"
            "\"event\":{\"kind\":\"event\",\"category\":[\"network\"],\"type\":[\"info\"],"
            "\"module\":\"lossgazer\",\"dataset\":\"lossgazer.events\","
            "\"action\":\"retransmission\"},"
            "\"source\":{\"ip\":\"192.0.2.1\",\"port\":40000},"
            "\"destination\":{\"ip\":\"198.51.100.7\",\"port\":443},"
            "\"network\":{\"transport\":\"tcp\",\"type\":\"ipv4\",\"direction\":\"egress\"},"
            "\"lossgazer\":{\"interface\":\"eth0\",\"seq\":4294967280,\"length\":1448,"
            "\"side\":\"peer\",\"evidence\":\"tsval\"}}\n");
}

// The schema has no word for what only passes.
TEST(EventFormat, EcsOfAFileHasItsPathAndFrameAndMayNotKnowTheDirection) {
  Verdict verdict = retransmission();
  verdict.direction.reset();
  verdict.side.reset();
  verdict.kind = VerdictKind::kSpuriousRetransmission;
  verdict.revises = VerdictKind::kRetransmission;
  verdict.key = FlowKey::between({*IpAddress::parse("2001:db8::1"), 1},
                                 {*IpAddress::parse("2001:db8::2"), 2}, 0);
  EXPECT_EQ(event_line(verdict, EventNames::kEcs, {.file = "a \"b\".pcap"}),
            "{\"@timestamp\":\"2023-11-14T22:13:20.040000007Z\",\"ecs\":{\"version\":\"8.11.0\"},"
            "\"event\":{\"kind\":\"event\",\"category\":[\"network\"],\"type\":[\"info\"],"
            "\"module\":\"lossgazer\",\"dataset\":\"lossgazer.events\","
            "\"action\":\"spurious_retransmission\"},"
            "\"file\":{\"path\":\"a \\\"b\\\".pcap\"},"
            "\"source\":{\"ip\":\"2001:db8::1\",\"port\":1},"
            "\"destination\":{\"ip\":\"2001:db8::2\",\"port\":2},"
            "\"network\":{\"transport\":\"tcp\",\"type\":\"ipv6\",\"direction\":\"unknown\"},"
            "\"lossgazer\":{\"frame\":17,\"seq\":4294967280,\"length\":1448,"
            "\"evidence\":\"tsval\",\"revises\":\"retransmission\"}}\n");
}

}  // namespace
}  // namespace lossgazer
