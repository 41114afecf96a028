#include "metrics/landing_page.h"

#include <cassert>

namespace lossgazer {
namespace {

constexpr std::string_view kPage =
#include "metrics/page_text.inc"
    ;

constexpr std::string_view kMetricsLink = "@metrics@";

}  // namespace

std::string landing_page(std::string_view telemetry_path) {
  assert(telemetry_path.starts_with('/'));
  std::string page(kPage);
  // Not "//host/...", which would be a link to elsewhere.
  const std::string link = "." + std::string(telemetry_path);
  for (size_t at = page.find(kMetricsLink); at != std::string::npos;
       at = page.find(kMetricsLink, at + link.size())) {
    page.replace(at, kMetricsLink.size(), link);
  }
  return page;
}

}  // namespace lossgazer
