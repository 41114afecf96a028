// A plain HTTP/1.1 client for tests: one connection, requests in turn. It understands bodies with a
// length only, and waits five seconds at most.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "metrics/listen_address.h"

namespace lossgazer {

struct HttpResponse {
  int status = 0;                              // 0: the connection ended before a response
  std::map<std::string, std::string> headers;  // as they were spelled
  std::string body;
};

// Not thread-safe.
class HttpClient {
 public:
  // Throws std::runtime_error if nobody answers there. An address of "::" is this host.
  explicit HttpClient(const ListenAddress& server);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void send(std::string_view bytes);
  // Whether read() has something to read, or the connection's end, at once.
  [[nodiscard]] bool readable() const;
  // Reads one response; one to a HEAD request has no body.
  [[nodiscard]] HttpResponse read(bool head = false);
  // Sends a request without a body, and reads its response. `headers` are whole lines, with their
  // ends.
  [[nodiscard]] HttpResponse request(std::string_view method, std::string_view path,
                                     std::string_view headers = "");

 private:
  bool receive();

  int descriptor_ = -1;
  std::string received_;
};

}  // namespace lossgazer
