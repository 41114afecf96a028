// `lossgazer top`: the peers in the terminal, of a capture of its own or of a running exporter.
#pragma once

#include "app/options.h"

namespace lossgazer {

// Until the user ends it. Throws if there is no terminal, no capture, or no exporter to begin with.
void run_top(const Options& options);

}  // namespace lossgazer
