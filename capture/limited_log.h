// Log lines that somebody else can cause at will (who plugs links, sends packets or asks for
// reloads), bounded for each kind of line. It writes none itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace lossgazer {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };
using LogFunction = std::function<void(LogLevel, std::string_view)>;

// Of each kind, ten lines pass at once, and then one every ten seconds. How many did not is said
// with the next that does, or by settle(). Not thread-safe.
class LimitedLog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit LimitedLog(LogFunction write) : write_(std::move(write)) {}

  // `kind` names the kind in the note about those left out; there must be few.
  void write(std::string_view kind, LogLevel level, std::string_view text, Time now);
  // Notes what was left out, where nothing more of that kind came for a while. To be called now and
  // then.
  void settle(Time now);

 private:
  struct Kind {
    int room = 0;  // lines that may pass now
    Time refilled;
    uint64_t left_out = 0;
    Time last_left_out;
  };
  LogFunction write_;
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace lossgazer
