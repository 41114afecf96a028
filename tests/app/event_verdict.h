// A verdict to make events of, for tests: a retransmission from 192.0.2.1 (us) to 198.51.100.7.
#pragma once

#include "analyzer/verdict.h"

namespace lossgazer::test {

inline Verdict retransmission(uint32_t seq = 0xffff'fff0, uint16_t source_port = 40'000) {
  const Endpoint us{*IpAddress::parse("192.0.2.1"), source_port};
  const Endpoint peer{*IpAddress::parse("198.51.100.7"), 443};
  return {.kind = VerdictKind::kRetransmission,
          .evidence = Evidence::kTsval,
          .side = Side::kAfter,
          .revises = std::nullopt,
          .key = FlowKey::between(us, peer, 0),
          .sender = Sender::kLow,
          .direction = Direction::kEgress,
          .source = 0,
          .frame = 17,
          .time = CaptureTime(Duration(1'700'000'000'040'000'007)),
          .seq = SeqNum(seq),
          .payload_length = 1448};
}

}  // namespace lossgazer::test
