#include "metrics/http_server.h"

#include <fmt/format.h>
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/acceptor.h"
#include "metrics/gzip.h"
#include "metrics/listen_socket.h"
#include "metrics/password_queue.h"

namespace lossgazer {
namespace {

// Longer than the usual scrape interval of 15 s, so that scrapers keep their connections.
constexpr unsigned kIdleSeconds = 20;
// A request's line and headers must fit, too.
constexpr size_t kConnectionMemory = size_t{16} * 1024;
constexpr size_t kBodyMax = size_t{4} * 1024;
// A scrape that is being rendered delays what its thread was given besides.
constexpr size_t kThreads = 4;
// Shorter texts gain nothing.
constexpr size_t kGzipMin = 512;

// The page has its own script and style inside, and asks this server alone.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

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

void free_reply(void* reply) { delete static_cast<WebReply*>(reply); }

// Null if memory is short.
Response make_body(WebReply reply) {
  if (!reply.body) {
    return Response(
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, no_content, nullptr, nullptr));
  }
  auto held = std::make_unique<WebReply>(std::move(reply));
  Response response(MHD_create_response_from_buffer_with_free_callback_cls(
      held->body->size(), held->body->data(), free_reply, held.get()));
  if (response) (void)held.release();  // freed with the response
  return response;
}

std::string_view header(MHD_Connection* connection, const char* name) {
  const char* const value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value != nullptr ? value : "";
}

int descriptor_of(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

// As announced; a body of unknown length counts as 1.
uint64_t body_length(MHD_Connection* connection) {
  const std::string_view text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  uint64_t length = header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING).empty() ? 0 : 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  return error == std::errc::result_out_of_range ? UINT64_MAX : length;
}

std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

// From its headers to its answer's last byte.
struct Request {
  enum class Access : uint8_t {
    kGranted,
    kToBeChecked,  // its password
    kNotChecked,   // and cannot be now
    kDenied,
    kTooOften,
    kTooLong,
  };
  std::shared_ptr<WebPolicy> policy;
  Access access = Access::kDenied;
  std::optional<Login> login = std::nullopt;
  size_t body = 0;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerConfig& config, HttpHandlers handlers)
      : pages_(config.telemetry_path, config.page, std::move(handlers)),
        telemetry_path_(config.telemetry_path),
        policy_file_(config.config_file, config.log),
        connections_(config.limits) {
    std::vector<ListenSocket> sockets = ListenSocket::inherited();
    const bool inherited = !sockets.empty();
    if (!inherited) {
      for (const ListenAddress& address : config.listen) sockets.emplace_back(address);
    } else if (config.log.info) {
      config.log.info(
          "listens on the sockets that systemd handed over; --web.listen-address is "
          "not used");
    }
    bound_.reserve(sockets.size());
    for (const ListenSocket& socket : sockets) bound_.push_back(socket.bound());
    if (sockets.empty()) return;
    // The library calls nothing in its threads before the first connection.
    std::async(std::launch::async, [&] {
      if (config.threads_begin) config.threads_begin();
      passwords_.emplace();
      for (auto& daemon : daemons_) start(daemon, static_cast<unsigned>(config.limits.all));
      acceptor_ = std::make_unique<Acceptor>(
          std::move(sockets), [this](const AcceptedClient& client) { take(client); },
          [this] { connections_.expire(now()); });
    }).get();
  }
  ~Impl() {
    acceptor_.reset();
    // The library waits for suspended connections.
    if (passwords_) passwords_->end();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] const std::vector<ListenAddress>& bound() const { return bound_; }
  [[nodiscard]] std::vector<std::string> urls() const;

 private:
  using Daemon = std::unique_ptr<MHD_Daemon, DaemonStop>;

  void start(Daemon& daemon, unsigned connections);
  void take(const AcceptedClient& client);
  void connected(MHD_Connection* connection, void** context);
  [[nodiscard]] MHD_Result begin(MHD_Connection* connection, std::string_view path,
                                 std::string_view method, void** context);
  [[nodiscard]] MHD_Result finish(MHD_Connection* connection, std::string_view path,
                                  std::string_view method, Request& request);
  void check_password(MHD_Connection* connection, Request& request);
  [[nodiscard]] static MHD_Result send(MHD_Connection* connection, const Request& request,
                                       WebReply reply);

  // What the library calls; nothing may be thrown into it.
  static MHD_Result handle(void* self, MHD_Connection* connection, const char* path,
                           const char* method, const char* version, const char* upload,
                           size_t* upload_size, void** context);
  static void notify_connection(void* self, MHD_Connection* connection, void** context,
                                MHD_ConnectionNotificationCode code);
  static void notify_completed(void* self, MHD_Connection* connection, void** context,
                               MHD_RequestTerminationCode code);

  WebPages pages_;
  const std::string telemetry_path_;
  WebPolicyFile policy_file_;
  ConnectionTable connections_;
  std::vector<ListenAddress> bound_;
  std::optional<PasswordQueue> passwords_;  // as long as there are daemons
  // One thread each. They go first, but for the acceptor: their threads use all of the above.
  std::array<Daemon, kThreads> daemons_;
  size_t next_daemon_ = 0;
  std::unique_ptr<Acceptor> acceptor_;
};

std::vector<std::string> HttpServer::Impl::urls() const {
  std::vector<std::string> urls;
  urls.reserve(bound_.size());
  for (const ListenAddress& address : bound_) {
    // A unix socket as nginx spells it.
    urls.push_back(fmt::format("{}://{}{}{}", policy_file_.has_tls() ? "https" : "http",
                               address.to_string(), address.is_unix() ? ":" : "", telemetry_path_));
  }
  return urls;
}

// The library has one listening socket a daemon and one set of limits a daemon: it is given none,
// and handed connections that were counted here.
void HttpServer::Impl::start(Daemon& daemon, unsigned connections) {
  const unsigned tls = policy_file_.has_tls() ? unsigned{MHD_USE_TLS} : 0U;
  std::vector<MHD_OptionItem> options;
  if (tls != 0) {
    // Each session is given its own certificate when it starts; without, it must come to nothing.
    auto* const no_certificate =
        +[](gnutls_session_t, const gnutls_datum_t*, int, const gnutls_pk_algorithm_t*, int,
            gnutls_pcert_st**, unsigned*, gnutls_privkey_t*) { return -1; };
    options.push_back({MHD_OPTION_HTTPS_CERT_CALLBACK, 0, reinterpret_cast<void*>(no_certificate)});
  }
  options.push_back({MHD_OPTION_END, 0, nullptr});
  // Port 0: it opens none of its own.
  daemon.reset(MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | tls, 0,
      nullptr, nullptr, &Impl::handle, this, MHD_OPTION_NOTIFY_CONNECTION, &Impl::notify_connection,
      this, MHD_OPTION_NOTIFY_COMPLETED, &Impl::notify_completed, this, MHD_OPTION_CONNECTION_LIMIT,
      connections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      kConnectionMemory, MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END));
  if (!daemon) {
    throw std::runtime_error(
        "serve HTTP: the HTTP library did not start: too few threads, descriptors or memory left "
        "for this process");
  }
}

void HttpServer::Impl::take(const AcceptedClient& client) {
  if (!connections_.admit(client.descriptor, client.name, now())) {
    close(client.descriptor);
    return;
  }
  // The library closes what it does not take. Its limit is the table's, which was held to.
  const auto* const address = reinterpret_cast<const sockaddr*>(&client.address);
  next_daemon_ = (next_daemon_ + 1) % kThreads;
  (void)MHD_add_connection(daemons_.at(next_daemon_).get(), client.descriptor, address,
                           client.address_length);
}

// Before the first byte. The session must not outlive its credentials.
void HttpServer::Impl::connected(MHD_Connection* connection, void** context) {
  if (!policy_file_.has_tls()) return;
  auto policy = std::make_unique<std::shared_ptr<WebPolicy>>(policy_file_.current());
  auto* const session = static_cast<gnutls_session_t>(
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
  if ((*policy)->tls->attach(session)) *context = policy.release();
}

void HttpServer::Impl::notify_connection(void* self, MHD_Connection* connection, void** context,
                                         MHD_ConnectionNotificationCode code) {
  auto* const server = static_cast<Impl*>(self);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    try {
      server->connected(connection, context);
    } catch (...) {  // without memory, and so without a certificate: the handshake fails
    }
    return;
  }
  // The session is gone by now, and the descriptor is not closed yet.
  delete static_cast<std::shared_ptr<WebPolicy>*>(*context);
  server->connections_.remove(descriptor_of(connection));
}

void HttpServer::Impl::notify_completed(void* self, MHD_Connection* connection, void** context,
                                        MHD_RequestTerminationCode /*code*/) {
  delete static_cast<Request*>(std::exchange(*context, nullptr));
  static_cast<Impl*>(self)->connections_.answer_sent(descriptor_of(connection), now());
}

MHD_Result HttpServer::Impl::begin(MHD_Connection* connection, std::string_view path,
                                   std::string_view method, void** context) {
  auto owned = std::make_unique<Request>(Request{policy_file_.current()});
  Request& request = *owned;
  *context = owned.release();  // deleted when it is completed
  connections_.request_came(descriptor_of(connection), now());
  WebPolicy& policy = *request.policy;
  const uint64_t length = body_length(connection);
  request.login = Login::parse(header(connection, MHD_HTTP_HEADER_AUTHORIZATION));
  if (!policy.rate_limit.admit(now())) {
    request.access = Request::Access::kTooOften;
  } else if (length > kBodyMax) {
    request.access = Request::Access::kTooLong;
  } else if (!policy.auth.needed() || (request.login && policy.auth.remembers(*request.login))) {
    request.access = Request::Access::kGranted;
  } else if (request.login) {
    request.access = Request::Access::kToBeChecked;
  }
  const bool refused = request.access != Request::Access::kGranted &&
                       request.access != Request::Access::kToBeChecked;
  // Refused at once, the library takes no body, but ends the connection.
  return refused && length > 0 ? finish(connection, path, method, request) : MHD_YES;
}

// In another thread; meanwhile the library leaves this connection alone.
void HttpServer::Impl::check_password(MHD_Connection* connection, Request& request) {
  MHD_suspend_connection(connection);
  const auto done = [connection, &request](std::optional<bool> right) {
    request.access = !right   ? Request::Access::kNotChecked
                     : *right ? Request::Access::kGranted
                              : Request::Access::kDenied;
    MHD_resume_connection(connection);
  };
  const std::shared_ptr<BasicAuth> auth(request.policy, &request.policy->auth);
  if (!passwords_->submit(auth, *request.login, done)) done(std::nullopt);
}

MHD_Result HttpServer::Impl::finish(MHD_Connection* connection, std::string_view path,
                                    std::string_view method, Request& request) {
  switch (request.access) {
    case Request::Access::kToBeChecked:
      check_password(connection, request);
      return MHD_YES;  // it is called again
    case Request::Access::kDenied:
      return send(connection, request,
                  {.status = MHD_HTTP_UNAUTHORIZED, .body = "a user and password are needed\n"});
    case Request::Access::kNotChecked:
      return send(connection, request,
                  {.status = MHD_HTTP_SERVICE_UNAVAILABLE, .body = "too many logins at once\n"});
    case Request::Access::kTooOften:
      return send(connection, request,
                  {.status = MHD_HTTP_TOO_MANY_REQUESTS, .body = "too many requests\n"});
    case Request::Access::kTooLong:
      return send(connection, request,
                  {.status = MHD_HTTP_CONTENT_TOO_LARGE, .body = "no body is needed\n"});
    case Request::Access::kGranted:
      break;
  }
  const char* const top = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "top");
  const std::string_view site = header(connection, "Sec-Fetch-Site");
  WebReply reply =
      pages_.answer({.method = method,
                     .path = path,
                     .top = top != nullptr ? std::optional<std::string_view>(top) : std::nullopt,
                     .from_elsewhere = !site.empty() && site != "same-origin" && site != "none"});
  return send(connection, request, std::move(reply));
}

MHD_Result HttpServer::Impl::send(MHD_Connection* connection, const Request& request,
                                  WebReply reply) {
  const unsigned status = reply.status;
  std::map<std::string, std::string> headers = {
      {MHD_HTTP_HEADER_CONTENT_TYPE, reply.content_type},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Content-Security-Policy", kContentPolicy},
  };
  if (reply.allow != nullptr) headers[MHD_HTTP_HEADER_ALLOW] = reply.allow;
  if (status == MHD_HTTP_UNAUTHORIZED) {
    headers[MHD_HTTP_HEADER_WWW_AUTHENTICATE] = "Basic realm=\"lossgazer\"";
  }
  for (const auto& [name, value] : request.policy->config.headers) headers[name] = value;
  if (reply.compressible) {
    headers[MHD_HTTP_HEADER_VARY] = MHD_HTTP_HEADER_ACCEPT_ENCODING;
    const bool long_enough = reply.body && reply.body->size() >= kGzipMin;
    if (long_enough && accepts_gzip(header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING))) {
      if (std::optional<std::string> packed = gzip(*reply.body)) {
        reply.body = std::move(packed);
        headers[MHD_HTTP_HEADER_CONTENT_ENCODING] = "gzip";
      }
    }
  }
  const Response response = make_body(std::move(reply));
  if (!response) return MHD_NO;
  for (const auto& [name, value] : headers) {
    if (MHD_add_response_header(response.get(), name.c_str(), value.c_str()) != MHD_YES) {
      return MHD_NO;
    }
  }
  return MHD_queue_response(connection, status, response.get());
}

// Called once with a request's headers, then with each piece of its body, then at its end, and
// again once a password was checked.
MHD_Result HttpServer::Impl::handle(void* self, MHD_Connection* connection, const char* path,
                                    const char* method, const char* /*version*/,
                                    const char* /*upload*/, size_t* upload_size, void** context) {
  auto* const server = static_cast<Impl*>(self);
  try {
    if (*context == nullptr) return server->begin(connection, path, method, context);
    auto& request = *static_cast<Request*>(*context);
    if (*upload_size != 0) {
      request.body += std::exchange(*upload_size, 0);
      // Of unknown length, else it was refused before: nothing but an end can be put to it here.
      return request.body <= kBodyMax ? MHD_YES : MHD_NO;
    }
    return server->finish(connection, path, method, request);
  } catch (...) {
    return MHD_NO;  // closes the connection
  }
}

HttpServer::HttpServer(const HttpServerConfig& config, HttpHandlers handlers)
    : impl_(std::make_unique<Impl>(config, std::move(handlers))) {}

HttpServer::~HttpServer() = default;

const std::vector<ListenAddress>& HttpServer::bound() const { return impl_->bound(); }

std::vector<std::string> HttpServer::urls() const { return impl_->urls(); }

}  // namespace lossgazer
