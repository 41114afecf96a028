// The user asked for something that can never work, whatever the machine: a filter or a pattern
// that is no such thing. what() says how.
#pragma once

#include <stdexcept>

namespace lossgazer {

class ConfigError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace lossgazer
