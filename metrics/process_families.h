// The standard process_* metrics that every Prometheus client library exposes, read from /proc/self
// (proc(5)) at each call. Nothing here is about packets.
#pragma once

#include "metrics/exposition.h"

namespace lossgazer {

// What cannot be read is left out. Any thread may call it.
void process_families(const FamilySink& sink);

}  // namespace lossgazer
