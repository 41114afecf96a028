// Log lines on standard error, in logfmt or JSON.
#pragma once

#include <string_view>

#include "app/options.h"

namespace lossgazer {

// What is below `options.level` is not written from now on. Once, at the start.
void set_up_log(const LogOptions& options);

// Any thread may log. One line each; the text is escaped.
void log_info(std::string_view text);
void log_warning(std::string_view text);

}  // namespace lossgazer
