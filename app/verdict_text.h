// Words for what a verdict holds, as events and explanations have them.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/peer_key.h"
#include "analyzer/units.h"
#include "analyzer/verdict.h"

namespace lossgazer {

// "2026-11-22T23:58:37.699592000Z" (RFC 3339), in UTC.
[[nodiscard]] std::string rfc3339(CaptureTime time);
// "ingress"; "transit" if nobody is us.
[[nodiscard]] std::string_view direction_of(const Verdict& verdict);
// "peer", or "before" if nobody is us. Of a verdict that has a side.
[[nodiscard]] std::string_view side_of(const Verdict& verdict);

}  // namespace lossgazer
