#include "metrics/web_pages.h"

#include <fmt/format.h>
#include <microhttpd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <stdexcept>
#include <utility>

namespace lossgazer {
namespace {

constexpr std::string_view kHealthyPath = "/-/healthy";
constexpr std::string_view kReadyPath = "/-/ready";
constexpr std::string_view kReloadPath = "/-/reload";
constexpr std::string_view kPeersPath = "/api/v1/peers";
constexpr std::array kOwnPaths{kHealthyPath, kReadyPath, kReloadPath, kPeersPath};

constexpr const char* kPlainText = "text/plain; charset=utf-8";
constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kJson = "application/json";
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

WebReply plain(unsigned status, std::string text) {
  return {.status = status, .content_type = kPlainText, .body = std::move(text)};
}

WebReply not_allowed(const char* allow) {
  WebReply reply = plain(MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed\n");
  reply.allow = allow;
  return reply;
}

WebReply health_reply(const std::function<std::optional<std::string>()>& check) {
  const std::optional<std::string> reason = check();
  return reason ? plain(MHD_HTTP_SERVICE_UNAVAILABLE, *reason + "\n") : plain(MHD_HTTP_OK, "ok\n");
}

}  // namespace

bool is_telemetry_path(std::string_view path) {
  return path.size() > 1 && path.front() == '/' &&
         std::ranges::find(kOwnPaths, path) == kOwnPaths.end() &&
         std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("/_.-~").find(c) != std::string_view::npos;
         });
}

WebPages::WebPages(std::string telemetry_path, std::string page, HttpHandlers handlers)
    : telemetry_path_(std::move(telemetry_path)),
      page_(std::move(page)),
      handlers_(std::move(handlers)) {
  if (!is_telemetry_path(telemetry_path_)) {
    throw std::runtime_error(fmt::format(
        "serve metrics at '{}': the path must begin with '/', be none of the server's own, and "
        "consist of letters, digits and '/_.-~'",
        telemetry_path_));
  }
}

WebReply WebPages::answer(const WebRequest& request) {
  try {
    if (request.path == kReloadPath && handlers_.reload) return reload(request);
    if (request.method != MHD_HTTP_METHOD_GET && request.method != MHD_HTTP_METHOD_HEAD) {
      return not_allowed("GET, HEAD");
    }
    return get(request);
  } catch (const std::exception& error) {
    return plain(MHD_HTTP_INTERNAL_SERVER_ERROR, fmt::format("{}\n", error.what()));
  }
}

WebReply WebPages::get(const WebRequest& request) {
  if (request.path == telemetry_path_) {
    // A HEAD is no scrape.
    if (request.method == MHD_HTTP_METHOD_HEAD) {
      return {.content_type = kExposition, .compressible = true};
    }
    return render(kExposition, handlers_.metrics);
  }
  if (request.path == kHealthyPath) return health_reply(handlers_.healthy);
  if (request.path == kReadyPath) return health_reply(handlers_.ready);
  if (request.path == kPeersPath && handlers_.peers) return peers(request);
  if (request.path == "/") return {.content_type = kHtml, .body = page_, .compressible = true};
  return plain(MHD_HTTP_NOT_FOUND, "not found\n");
}

WebReply WebPages::peers(const WebRequest& request) {
  std::optional<size_t> top;
  if (request.top) {
    size_t number = 0;
    const char* const end = request.top->data() + request.top->size();
    const auto [rest, error] = std::from_chars(request.top->data(), end, number);
    if (error != std::errc() || rest != end) {
      return plain(MHD_HTTP_BAD_REQUEST,
                   "top: not a number of peers; ask for /api/v1/peers?top=10, say\n");
    }
    top = number;
  }
  if (request.method == MHD_HTTP_METHOD_HEAD) return {.content_type = kJson, .compressible = true};
  return render(kJson, [this, top] { return handlers_.peers(top); });
}

WebReply WebPages::reload(const WebRequest& request) {
  if (request.method != MHD_HTTP_METHOD_POST) return not_allowed("POST");
  // Another site's page must not have its reader's browser do this.
  if (request.from_elsewhere) {
    return plain(MHD_HTTP_FORBIDDEN, "not from another site's page\n");
  }
  const std::optional<std::string> reason = handlers_.reload();
  if (!reason) return plain(MHD_HTTP_OK, "reloaded\n");
  return plain(MHD_HTTP_INTERNAL_SERVER_ERROR, fmt::format("not reloaded: {}\n", *reason));
}

WebReply WebPages::render(const char* content_type, const std::function<std::string()>& handler) {
  if (!slots_.try_acquire()) {
    return plain(MHD_HTTP_SERVICE_UNAVAILABLE, "too many scrapes at once\n");
  }
  ScrapeSlot slot(&slots_);
  return {.content_type = content_type,
          .body = handler(),
          .compressible = true,
          .slot = std::move(slot)};
}

}  // namespace lossgazer
