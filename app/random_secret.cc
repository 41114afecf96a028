#include "app/random_secret.h"

#include <sys/random.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace lossgazer {

HashKey random_secret() {
  HashKey key;
  if (getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) {
    throw std::runtime_error("getrandom: " + std::generic_category().message(errno));
  }
  return key;
}

}  // namespace lossgazer
