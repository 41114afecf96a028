// The configuration file: YAML whose keys, joined by dots, are the names of options. It decides
// nothing about which origin wins.
#pragma once

#include <string>
#include <vector>

#include "app/option_table.h"

namespace lossgazer {

struct FileSetting {
  const Option* option;
  std::vector<std::string> words;  // at least one
  std::string place;               // "FILE:LINE"
};

// Reads a file and checks every value in it. `peers: {max: 5}` and `peers.max: 5` are the same; an
// option that is repeatable takes a list or a single value; one that pairs two things with '=' also
// takes a mapping. Throws UsageError, a line for each fault, if it cannot be read, is no YAML, or
// has a key that is no option, is given twice or has a value that will not do.
[[nodiscard]] std::vector<FileSetting> read_config_file(const std::string& path);

// What `lossgazer check-config` says of a good file: which options differ from their defaults.
// Throws UsageError as above, and for files that it names: the web configuration with its
// certificates, and databases.
[[nodiscard]] std::string check_config_file(const std::string& path);

}  // namespace lossgazer
