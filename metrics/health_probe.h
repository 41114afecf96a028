// Asks a running exporter on this host whether it is healthy, as a container's health check does.
// One request, without a password: it trusts any certificate, and tells nothing but a word.
#pragma once

#include <chrono>
#include <string>

#include "metrics/listen_address.h"

namespace lossgazer {

// How to reach who listens there: an address that takes all is asked on loopback.
[[nodiscard]] ListenAddress address_to_ask(const ListenAddress& listening);

// GETs /-/healthy. Returns a line without its end: "ADDRESS: healthy", or that it answers, but
// wants a password or fewer requests before it tells (401, 429): so much is alive.
//
// Throws std::runtime_error naming the address and the reason if nobody answers, the answer is that
// it is not healthy, or none that an exporter gives. No single wait is longer than `patience`.
[[nodiscard]] std::string ask_health(const ListenAddress& listening, bool tls,
                                     std::chrono::milliseconds patience);

}  // namespace lossgazer
