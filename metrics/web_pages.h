// What the HTTP server answers to whom it lets in: its paths, their methods, and what handlers say.
// It knows nothing of connections.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>

namespace lossgazer {

// Called by the server's threads, several at once. What they throw becomes a 500 with its text.
struct HttpHandlers {
  std::function<std::string()> metrics;                 // the exposition, for one scrape
  std::function<std::optional<std::string>()> healthy;  // nothing, or why not
  std::function<std::optional<std::string>()> ready;    // nothing, or why not
  // The JSON of that many peers, or of all. Unset: there is no such page.
  std::function<std::string(std::optional<size_t> top)> peers = nullptr;
  // Nothing, or why the configuration could not be read again. Unset: there is no such page.
  std::function<std::optional<std::string>()> reload = nullptr;
};

// Whether metrics can be served there: a path of letters, digits and "/_.-~" that no other page
// has.
[[nodiscard]] bool is_telemetry_path(std::string_view path);

// Rendered texts wait in memory for clients that read slowly: so many at once.
inline constexpr int kScrapesMax = 40;

struct ScrapeDone {
  void operator()(std::counting_semaphore<kScrapesMax>* slots) const { slots->release(); }
};
// Held from before a text is rendered until it has left memory.
using ScrapeSlot = std::unique_ptr<std::counting_semaphore<kScrapesMax>, ScrapeDone>;

struct WebRequest {
  std::string_view method;
  std::string_view path;
  std::optional<std::string_view> top = std::nullopt;
  bool from_elsewhere = false;  // a browser says that another site's page asks
};

struct WebReply {
  unsigned status = 200;
  const char* content_type = "text/plain; charset=utf-8";
  std::optional<std::string> body = std::nullopt;  // none: of unknown length, for HEAD only
  const char* allow = nullptr;                     // the methods that would do
  bool compressible = false;
  ScrapeSlot slot = nullptr;
};

// Any thread may call it.
class WebPages {
 public:
  // `page` is the HTML at `/`. Throws std::runtime_error if the telemetry path will not do.
  WebPages(std::string telemetry_path, std::string page, HttpHandlers handlers);

  [[nodiscard]] WebReply answer(const WebRequest& request);

 private:
  [[nodiscard]] WebReply get(const WebRequest& request);
  [[nodiscard]] WebReply peers(const WebRequest& request);
  [[nodiscard]] WebReply reload(const WebRequest& request);
  [[nodiscard]] WebReply render(const char* content_type,
                                const std::function<std::string()>& handler);

  const std::string telemetry_path_;
  const std::string page_;
  const HttpHandlers handlers_;
  std::counting_semaphore<kScrapesMax> slots_{kScrapesMax};
};

}  // namespace lossgazer
