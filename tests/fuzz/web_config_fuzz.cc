// Reads arbitrary bytes as the web configuration file: it is good, or a WebConfigError says what is
// wrong. What it names is not opened.
#include <cstddef>
#include <cstdint>
#include <string>

#include "metrics/basic_auth.h"
#include "metrics/web_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lossgazer;
  const std::string text(data, data + size);
  (void)Login::parse(text);
  try {
    (void)parse_web_config(text, "web.yml");
  } catch (const WebConfigError&) {
  }
  return 0;
}
