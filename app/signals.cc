#include "app/signals.h"

#include <cerrno>
#include <csignal>
#include <thread>

namespace lossgazer {

Signals::Signals(const Pipeline& pipeline) {
  stop_ = false;
  reload_ = false;
  pipeline_ = &pipeline;
  struct sigaction action {};
  action.sa_handler = &Signals::on_signal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

Signals::~Signals() {
  struct sigaction action {};
  // Whoever asks again to end it is impatient; a late wish for a reload does not end it otherwise.
  action.sa_handler = SIG_DFL;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &action, nullptr);
  pipeline_ = nullptr;
  // It may run in any thread: it must have left the pipeline before that ends.
  while (handling_ > 0) std::this_thread::yield();
}

void Signals::on_signal(int number) {
  const int error = errno;  // of whatever was interrupted
  ++handling_;
  (number == SIGHUP ? reload_ : stop_) = true;
  if (const Pipeline* woken = pipeline_) woken->wake();
  --handling_;
  errno = error;
}

}  // namespace lossgazer
