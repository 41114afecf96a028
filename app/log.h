// Log lines on standard error, in logfmt or JSON.
#pragma once

#include <string_view>

#include "app/options.h"
#include "capture/limited_log.h"

namespace lossgazer {

// What is below `options.level` is not written from now on. May be called again, by any thread.
void set_up_log(const LogOptions& options);
// Whether that was ever done: until then, errors are for a terminal.
[[nodiscard]] bool log_is_set_up();

// Any thread may log. One line each; the text is escaped. debug: why it did what it did; info: what
// it does now; warning: it works, but not as asked; error: it does not.
void log_line(LogLevel level, std::string_view text);
void log_info(std::string_view text);
void log_warning(std::string_view text);

}  // namespace lossgazer
