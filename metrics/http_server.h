// The program's HTTP end: metrics for Prometheus, health checks, and a page that links to them. It
// knows nothing about packets or metrics: what it serves, it asks of the handlers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/listen_address.h"

namespace lossgazer {

struct HttpServerConfig {
  std::vector<ListenAddress> listen;
  std::string telemetry_path = "/metrics";
  std::string version;  // shown on the page
};

// Called by the server's threads, several at once. What they throw becomes a 500 with its text.
struct HttpHandlers {
  std::function<std::string()> metrics;                 // the exposition, for one scrape
  std::function<std::optional<std::string>()> healthy;  // nothing, or why not
  std::function<std::optional<std::string>()> ready;    // nothing, or why not
};

// Whether metrics can be served there: a path of letters, digits and "/_.-~" that no other page
// has.
[[nodiscard]] bool is_telemetry_path(std::string_view path);

// Serves GET and HEAD of the telemetry path, `/-/healthy` and `/-/ready` (200, or 503 with the
// reason), and `/`. Only a GET of the telemetry path calls `metrics`: a HEAD is no scrape.
//
// Clients are bounded: in connections, in connections from one address, in time without a byte, in
// memory, and in scrapes at once (503 beyond).
//
// Its threads serve from construction to destruction; bound() may be called by any thread.
class HttpServer {
 public:
  // Throws std::runtime_error if an address cannot be listened on, with its reason and what to do,
  // or if the telemetry path will not do. No listen address: it serves nobody.
  HttpServer(const HttpServerConfig& config, HttpHandlers handlers);
  // Waits for handlers that run, not for clients.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Where it listens, in the order configured, with the ports the kernel chose.
  [[nodiscard]] const std::vector<ListenAddress>& bound() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lossgazer
