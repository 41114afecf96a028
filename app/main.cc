// The program: reads what the user asked for and runs it. The only place that catches everything.

#include <fmt/format.h>

#include <exception>
#include <iostream>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>

#include "app/check_health.h"
#include "app/live.h"
#include "app/log.h"
#include "app/options.h"
#include "app/report.h"
#include "app/top/top.h"
#include "capture/config_error.h"
#include "metrics/web_config.h"

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// To a person at first, a line for each fault; to whoever reads the log once there is one.
int fail(int status, const std::exception& error) {
  if (lossgazer::log_is_set_up()) {
    lossgazer::log_line(lossgazer::LogLevel::kError, error.what());
    return status;
  }
  std::istringstream faults(error.what());
  for (std::string fault; std::getline(faults, fault);) {
    std::cerr << fmt::format("lossgazer: {}\n", fault);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace lossgazer;
  try {
    const Options options = parse_options(argc, argv);
    switch (options.command) {
      case Options::Command::kLive:
        run_live(options, [&] { return parse_options(argc, argv); });
        break;
      case Options::Command::kReport:
        run_report(options, std::cout, std::cerr);
        break;
      case Options::Command::kTop:
        run_top(options);
        break;
      case Options::Command::kCheckHealth:
        run_check_health(options, std::cout);
        break;
      case Options::Command::kPrint:
        std::cout << options.text;
        break;
    }
    return 0;
  } catch (const UsageError& error) {
    return fail(kExitUsage, error);
  } catch (const ConfigError& error) {
    return fail(kExitUsage, error);
  } catch (const WebConfigError& error) {
    return fail(kExitUsage, error);
  } catch (const std::bad_alloc&) {
    return fail(kExitFailed,
                std::runtime_error("out of memory, or of the addresses that 'ulimit -v' "
                                   "leaves; a smaller --flows.max takes less of both"));
  } catch (const std::exception& error) {
    return fail(kExitFailed, error);
  }
}
