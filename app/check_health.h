// `lossgazer check-health`: asks the exporter that runs with the same options on this host, and is
// done.
#pragma once

#include <iosfwd>

#include "app/options.h"

namespace lossgazer {

// Asks at the first of --web.listen-address, by TLS if the file of --web.config.file says so, and
// writes a line to `out`. Throws std::runtime_error if it is not healthy, or cannot be asked, as
// where clients must have certificates; UsageError or WebConfigError if the options cannot be of
// one that runs.
void run_check_health(const Options& options, std::ostream& out);

}  // namespace lossgazer
