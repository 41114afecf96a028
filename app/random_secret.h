// The key of all hashes of what the network chooses: new at each start.
#pragma once

#include "analyzer/keyed_hash.h"

namespace lossgazer {

// From the kernel's random numbers (getrandom(2)). Throws std::runtime_error if there are none.
[[nodiscard]] HashKey random_secret();

}  // namespace lossgazer
