// Verdicts as a stream of lines, while they are reached. Workers leave each in a bounded queue, and
// never wait; a thread of its own formats and sends, and connects anew when the receiver was away.
// What finds no room is counted, and gone. It judges nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "analyzer/verdict.h"
#include "app/event_destination.h"
#include "app/event_filter.h"
#include "app/event_format.h"
#include "capture/limited_log.h"
#include "metrics/exposition.h"
#include "metrics/rate_limit.h"

namespace lossgazer {

struct EventStreamConfig {
  EventDestination to;
  EventFilter filter;
  EventNames names = EventNames::kOwn;
  size_t workers = 1;
  // Ten thousand at once, and then as many a second: a receiver that is meant for log lines takes
  // them, and a core formats them in its spare time. What is more waits, as far as there is room.
  RateLimitConfig rate{.interval = std::chrono::microseconds(100), .burst = 10'000};
  std::chrono::milliseconds first_back_off{250};  // before it connects again; then twice as long
  std::chrono::milliseconds longest_back_off{5'000};
  std::function<void()> begins{};  // called by the thread first
  LogFunction log{};               // by the thread
};

// Any thread may call anything but what a sink is: of one worker's thread.
class EventStream {
 public:
  // How many may wait.
  static constexpr size_t kLimit = 65'536;

  explicit EventStream(EventStreamConfig config);
  // As finish().
  ~EventStream();
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // What the worker of that number, below `workers`, calls for each verdict. This must outlive it.
  [[nodiscard]] VerdictSink sink(size_t worker);
  // Whose packets have that Verdict::source.
  void name_source(uint16_t source, const std::string& interface);
  // In force for verdicts that come from now on, and for lines not yet made.
  void set_filter(EventFilter filter);
  void set_names(EventNames names);

  // Of those that passed the filter, each is sent, dropped or queued.
  [[nodiscard]] EventHealth health() const;

  // No verdict will come: sends what is queued, if that is taken within half a second, drops the
  // rest, and ends the thread. That may be held up by a silent name server or a stopped terminal:
  // then it is left behind.
  void finish();

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too
};

}  // namespace lossgazer
