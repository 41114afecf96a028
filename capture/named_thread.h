// A thread that names itself: to name another takes a write to /proc, which the caller may be
// denied.
#pragma once

#include <pthread.h>

#include <string>
#include <thread>
#include <utility>

namespace lossgazer {

// Starts `run` in a thread that `top -H` shows under `name`, of which 15 characters are kept.
template <typename Run>
[[nodiscard]] std::thread named_thread(const std::string& name, Run run) {
  return std::thread([run = std::move(run), name = name.substr(0, 15)] {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    run();
  });
}

}  // namespace lossgazer
