// The page for people, at `/`: one text with everything in it. It fetches /api/v1/peers and nothing
// else. Its sources are in page/.
#pragma once

#include <string>
#include <string_view>

namespace lossgazer {

// HTML in UTF-8, with a link to where metrics are served. Links are relative, so that a proxy may
// serve it under another path. `telemetry_path` is one that is_telemetry_path() holds for.
[[nodiscard]] std::string landing_page(std::string_view telemetry_path);

}  // namespace lossgazer
