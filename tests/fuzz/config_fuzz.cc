// Reads arbitrary bytes as the configuration file: it is good, or a UsageError says what is wrong.
#include <cstddef>
#include <cstdint>

#include "app/config_file.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const lossgazer::test::MemoryFile file(data, size);
  try {
    for (const lossgazer::FileSetting& setting : lossgazer::read_config_file(file.path())) {
      if (setting.option == nullptr || setting.words.empty()) abort();
    }
  } catch (const lossgazer::UsageError&) {
  }
  return 0;
}
