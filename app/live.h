// The main job: sniff, judge and serve, until SIGINT or SIGTERM.
#pragma once

#include <functional>

#include "app/options.h"

namespace lossgazer {

// Returns when a signal asked for it. On SIGHUP, `read_again` says what the user asks for now.
// Throws std::runtime_error if it cannot start, or if a thread died. Call it once, while this is
// the only thread.
void run_live(const Options& options, const std::function<Options()>& read_again);

}  // namespace lossgazer
