// Why a packet got its verdict, in sentences: what came before it, what decided, what came after,
// and what Wireshark's rule says.
#pragma once

#include <string>

#include "app/packet_story.h"

namespace lossgazer {

// With a line feed at the end.
[[nodiscard]] std::string explanation(const PacketStory& story);

}  // namespace lossgazer
