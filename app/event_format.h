// A verdict as a line of JSON: what `report --format events` prints and --events.to sends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "analyzer/verdict.h"

namespace lossgazer {

enum class EventNames : uint8_t {
  kOwn,  // flat: `src`, `verdict`
  kEcs,  // the Elastic Common Schema's, nested: `source.ip`, `event.action`; the rest in
         // `lossgazer`
};

// Where the packet was captured: in a file, in which it has a number, or live on an interface.
struct EventOrigin {
  std::string_view file{};                       // left out if empty
  std::optional<std::string_view> interface {};  // if live
};

// With its line feed. Later lines about the same packet have the same time, ends, seq and origin.
[[nodiscard]] std::string event_line(const Verdict& verdict, EventNames names,
                                     const EventOrigin& origin);

}  // namespace lossgazer
