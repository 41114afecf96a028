#include "app/signals.h"

#include <csignal>

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
  action.sa_handler = SIG_DFL;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  pipeline_ = nullptr;
}

void Signals::on_signal(int number) {
  (number == SIGHUP ? reload_ : stop_) = true;
  if (const Pipeline* woken = pipeline_) woken->wake();
}

}  // namespace lossgazer
