// The program: reads what the user asked for and runs it. The only place that catches everything.

#include <fmt/format.h>

#include <exception>
#include <iostream>

#include "app/live.h"
#include "app/options.h"
#include "app/report.h"
#include "capture/config_error.h"

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  using namespace lossgazer;
  try {
    const Options options = parse_options(argc, argv);
    switch (options.command) {
      case Options::Command::kLive:
        run_live(options);
        break;
      case Options::Command::kReport:
        run_report(options, std::cout, std::cerr);
        break;
      case Options::Command::kPrint:
        std::cout << options.text;
        break;
    }
    return 0;
  } catch (const UsageError& error) {
    std::cerr << fmt::format("lossgazer: {}\n", error.what());
    return kExitUsage;
  } catch (const ConfigError& error) {
    std::cerr << fmt::format("lossgazer: {}\n", error.what());
    return kExitUsage;
  } catch (const std::exception& error) {
    std::cerr << fmt::format("lossgazer: {}\n", error.what());
    return kExitFailed;
  }
}
