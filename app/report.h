// `lossgazer report`: judges capture files, prints what it found, and is done.
#pragma once

#include <iosfwd>

#include "app/options.h"

namespace lossgazer {

// Writes the report to `out`, warnings (a file that was cut off) to `warnings`. Throws
// std::runtime_error if a file cannot be read.
void run_report(const Options& options, std::ostream& out, std::ostream& warnings);

}  // namespace lossgazer
