// The program's HTTP end: metrics for Prometheus, health checks, a page for people. It knows
// nothing about packets or metrics: what it serves, it is given or asks of the handlers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "metrics/connection_table.h"
#include "metrics/listen_address.h"
#include "metrics/web_pages.h"
#include "metrics/web_policy.h"

namespace lossgazer {

struct HttpServerConfig {
  std::vector<ListenAddress> listen;
  std::string telemetry_path = "/metrics";
  std::string page = {};         // HTML, served at `/`
  std::string config_file = {};  // the web configuration file; empty: none
  ConnectionLimits limits = {};
  WebLog log = {};
  // Called once, when all sockets are open, by a thread that then starts all threads of the server:
  // what it gives up, they do not have.
  std::function<void()> threads_begin = {};
};

// Serves GET and HEAD of the telemetry path, `/-/healthy` and `/-/ready` (200, or 503 with the
// reason), `/api/v1/peers` (`?top=N`; 400 if N is no number) and `/`, and POST of `/-/reload` (200,
// or 500 with the reason). Only a GET of the telemetry path calls `metrics`: a HEAD is no scrape.
// What is long goes out in gzip to clients that accept it.
//
// With a web configuration file, the rate limit (429) and then the password (401) come before all
// of this, health checks too. Passwords are checked apart, and hold up nobody else.
//
// Clients are bounded, over all addresses: in connections, in all and from one client, in time
// without a byte, for a request and for an answer, in memory, and in scrapes at once (503 beyond).
// Bodies are thrown away, and refused beyond 4 KiB (413).
//
// Its threads serve from construction to destruction; the rest may be called by any thread.
class HttpServer {
 public:
  // Listens where systemd says, if it activated this process by sockets, else where the
  // configuration says. Nowhere: it serves nobody.
  //
  // Throws WebConfigError if the web configuration file will not do, and std::runtime_error if an
  // address cannot be listened on, or if the telemetry path will not do, with the reason and what
  // to do.
  HttpServer(const HttpServerConfig& config, HttpHandlers handlers);
  // Waits for handlers that run, not for clients.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Where it listens, in the order given, with the ports the kernel chose.
  [[nodiscard]] const std::vector<ListenAddress>& bound() const;
  // The same, with the telemetry path, as a person would ask for it.
  [[nodiscard]] std::vector<std::string> urls() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lossgazer
