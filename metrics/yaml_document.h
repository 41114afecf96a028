// What yaml-cpp lacks: a bounded look for a second document.
#pragma once

#include <optional>
#include <string>

namespace lossgazer {

// The line where a second document begins, if there is one. YAML::LoadAll() would tell too, but
// never ends, and takes all memory, where a document begins with a comma. Throws YAML::Exception if
// the text is no YAML.
[[nodiscard]] std::optional<int> second_yaml_document(const std::string& text);

}  // namespace lossgazer
