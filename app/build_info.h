// Which build this is.
#pragma once

#include "metrics/exposition.h"

namespace lossgazer {

[[nodiscard]] BuildInfo build_info();

}  // namespace lossgazer
