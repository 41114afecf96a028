#include "metrics/http_server.h"

#include <fmt/format.h>
#include <microhttpd.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <semaphore>
#include <stdexcept>
#include <utility>

#include "metrics/listen_socket.h"

namespace lossgazer {
namespace {

// For all listen addresses together, but no address gets less than the minimum.
constexpr unsigned kConnectionsMax = 256;
constexpr unsigned kConnectionsMin = 128;
// Scrapers and half-open clients may share an address (a proxy, a node): fewer shut them out.
constexpr unsigned kConnectionsPerClient = 64;
// Longer than the usual scrape interval of 15 s, so that scrapers keep their connections.
constexpr unsigned kIdleSeconds = 20;
constexpr size_t kConnectionMemory = size_t{16} * 1024;
constexpr unsigned kThreads = 2;
// Rendered scrapes wait in memory for clients that read slowly.
constexpr int kScrapesMax = 40;

constexpr std::string_view kHealthyPath = "/-/healthy";
constexpr std::string_view kReadyPath = "/-/ready";
constexpr const char* kPlainText = "text/plain; charset=utf-8";
constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

struct ScrapeDone {
  void operator()(std::counting_semaphore<kScrapesMax>* slots) const { slots->release(); }
};
// Held from before a scrape is rendered until its text has left memory.
using ScrapeSlot = std::unique_ptr<std::counting_semaphore<kScrapesMax>, ScrapeDone>;

struct Reply {
  unsigned status = MHD_HTTP_OK;
  const char* content_type = kPlainText;
  std::optional<std::string> body;  // none: of unknown length, for HEAD only
  ScrapeSlot slot = nullptr;
};

struct DaemonStop {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};
struct ResponseDestroy {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using Response = std::unique_ptr<MHD_Response, ResponseDestroy>;

ssize_t no_content(void* /*context*/, uint64_t /*position*/, char* /*buffer*/, size_t /*size*/) {
  return MHD_CONTENT_READER_END_OF_STREAM;
}

void free_reply(void* reply) { delete static_cast<Reply*>(reply); }

// Null if memory is short.
Response make_response(Reply reply) {
  if (!reply.body) {
    return Response(
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, no_content, nullptr, nullptr));
  }
  auto held = std::make_unique<Reply>(std::move(reply));
  Response response(MHD_create_response_from_buffer_with_free_callback_cls(
      held->body->size(), held->body->data(), free_reply, held.get()));
  if (response) (void)held.release();  // freed with the response
  return response;
}

Reply health_reply(const std::function<std::optional<std::string>()>& check) {
  const std::optional<std::string> reason = check();
  if (reason) return {MHD_HTTP_SERVICE_UNAVAILABLE, kPlainText, *reason + "\n"};
  return {MHD_HTTP_OK, kPlainText, "ok\n"};
}

std::string landing_page(std::string_view version, std::string_view telemetry_path) {
  return fmt::format(
      "<!DOCTYPE html>\n"
      "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>lossgazer</title></head><body>\n"
      "<h1>lossgazer {}</h1>\n"
      "<p>Packets lost, repeated, reordered and duplicated, by peer and direction.</p>\n"
      "<ul>\n"
      "<li><a href=\"{}\">Metrics</a></li>\n"
      "<li><a href=\"{}\">Healthy</a>: its threads are alive</li>\n"
      "<li><a href=\"{}\">Ready</a>: it captures</li>\n"
      "</ul>\n"
      "</body></html>\n",
      version, telemetry_path, kHealthyPath, kReadyPath);
}

}  // namespace

bool is_telemetry_path(std::string_view path) {
  return path.size() > 1 && path.front() == '/' && path != kHealthyPath && path != kReadyPath &&
         std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("/_.-~").find(c) != std::string_view::npos;
         });
}

class HttpServer::Impl {
 public:
  Impl(const HttpServerConfig& config, HttpHandlers handlers)
      : telemetry_path_(config.telemetry_path),
        page_(landing_page(config.version, config.telemetry_path)),
        handlers_(std::move(handlers)) {
    if (!is_telemetry_path(telemetry_path_)) {
      throw std::runtime_error(fmt::format(
          "serve metrics at '{}': the path must begin with '/', be none of the server's own, and "
          "consist of letters, digits and '/_.-~'",
          telemetry_path_));
    }
    for (const ListenAddress& address : config.listen) start(address, config.listen.size());
  }

  [[nodiscard]] const std::vector<ListenAddress>& bound() const { return bound_; }

 private:
  void start(const ListenAddress& address, size_t addresses);
  [[nodiscard]] Reply answer(std::string_view method, std::string_view path);
  [[nodiscard]] Reply page(bool head, std::string_view path);
  [[nodiscard]] Reply scrape();
  static MHD_Result handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char* version, const char* upload,
                           size_t* upload_size, void** request);

  const std::string telemetry_path_;
  const std::string page_;
  const HttpHandlers handlers_;
  std::counting_semaphore<kScrapesMax> slots_{kScrapesMax};
  std::vector<ListenAddress> bound_;
  // Last, so that it goes first: its threads use all of the above.
  std::vector<std::unique_ptr<MHD_Daemon, DaemonStop>> daemons_;
};

void HttpServer::Impl::start(const ListenAddress& address, size_t addresses) {
  ListenSocket socket(address);
  bound_.push_back(socket.bound());
  const unsigned connections =
      std::max(kConnectionsMin, kConnectionsMax / static_cast<unsigned>(addresses));
  // The library closes the socket, whether it starts or not. Port 0: it opens none of its own.
  std::unique_ptr<MHD_Daemon, DaemonStop> daemon(MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, &Impl::handle, this,
      MHD_OPTION_LISTEN_SOCKET, socket.release(), MHD_OPTION_THREAD_POOL_SIZE, kThreads,
      MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
      kConnectionsPerClient, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_END));
  if (!daemon) {
    throw std::runtime_error(fmt::format(
        "serve HTTP on {}: the HTTP library did not start: too few threads, descriptors or memory "
        "left for this process",
        address.to_string()));
  }
  daemons_.push_back(std::move(daemon));
}

Reply HttpServer::Impl::scrape() {
  if (!slots_.try_acquire()) {
    return {MHD_HTTP_SERVICE_UNAVAILABLE, kPlainText, "too many scrapes at once\n"};
  }
  ScrapeSlot slot(&slots_);
  return {MHD_HTTP_OK, kExposition, handlers_.metrics(), std::move(slot)};
}

Reply HttpServer::Impl::page(bool head, std::string_view path) {
  if (path == telemetry_path_) {
    return head ? Reply{MHD_HTTP_OK, kExposition, std::nullopt} : scrape();
  }
  if (path == kHealthyPath) return health_reply(handlers_.healthy);
  if (path == kReadyPath) return health_reply(handlers_.ready);
  if (path == "/") return {MHD_HTTP_OK, kHtml, page_};
  return {MHD_HTTP_NOT_FOUND, kPlainText, "not found\n"};
}

Reply HttpServer::Impl::answer(std::string_view method, std::string_view path) {
  const bool head = method == MHD_HTTP_METHOD_HEAD;
  if (!head && method != MHD_HTTP_METHOD_GET) {
    return {MHD_HTTP_METHOD_NOT_ALLOWED, kPlainText, "method not allowed\n"};
  }
  try {
    return page(head, path);
  } catch (const std::exception& error) {
    return {MHD_HTTP_INTERNAL_SERVER_ERROR, kPlainText, fmt::format("{}\n", error.what())};
  }
}

// Called once with a request's headers, then with each piece of its body, then at its end.
MHD_Result HttpServer::Impl::handle(void* self, MHD_Connection* connection, const char* url,
                                    const char* method, const char* /*version*/,
                                    const char* /*upload*/, size_t* upload_size, void** request) {
  const std::string_view verb(method);
  const bool allowed = verb == MHD_HTTP_METHOD_GET || verb == MHD_HTTP_METHOD_HEAD;
  // What is not allowed is refused at once: the library then takes no body.
  if (allowed && std::exchange(*request, self) == nullptr) return MHD_YES;
  if (std::exchange(*upload_size, 0) != 0) return MHD_YES;
  try {
    Reply reply = static_cast<Impl*>(self)->answer(verb, url);
    const unsigned status = reply.status;
    const char* const content_type = reply.content_type;
    const Response response = make_response(std::move(reply));
    if (!response) return MHD_NO;
    if (MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, content_type) !=
        MHD_YES) {
      return MHD_NO;
    }
    if (!allowed &&
        MHD_add_response_header(response.get(), MHD_HTTP_HEADER_ALLOW, "GET, HEAD") != MHD_YES) {
      return MHD_NO;
    }
    return MHD_queue_response(connection, status, response.get());
  } catch (...) {
    return MHD_NO;  // closes the connection; nothing may be thrown into the library
  }
}

HttpServer::HttpServer(const HttpServerConfig& config, HttpHandlers handlers)
    : impl_(std::make_unique<Impl>(config, std::move(handlers))) {}

HttpServer::~HttpServer() = default;

const std::vector<ListenAddress>& HttpServer::bound() const { return impl_->bound(); }

}  // namespace lossgazer
