// What the web configuration file makes of a connection and a request: TLS, users, headers, a rate
// limit. The files are read again and again, so that what changes in them holds without a restart.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "metrics/basic_auth.h"
#include "metrics/rate_limit.h"
#include "metrics/tls_credentials.h"
#include "metrics/web_config.h"

namespace lossgazer {

struct WebLog {  // unset: not logged
  std::function<void(std::string_view)> info;
  std::function<void(std::string_view)> warning;
};

// One state of the files. Any thread may use it.
struct WebPolicy {
  WebConfig config;
  TlsTexts texts;
  std::unique_ptr<const TlsCredentials> tls;  // null: no TLS
  BasicAuth auth;
  RateLimit rate_limit;

  // Throws WebConfigError naming what will not do, where it stands, and why.
  [[nodiscard]] static std::shared_ptr<WebPolicy> load(const std::string& file);
};

// Any thread may call it.
class WebPolicyFile {
 public:
  // No file: no TLS, and everything is allowed. Throws WebConfigError.
  WebPolicyFile(std::string file, WebLog log);

  [[nodiscard]] bool has_tls() const { return has_tls_; }
  // What the files say now; while they are bad, what they said before, and one warning. TLS itself
  // cannot come or go without a restart.
  [[nodiscard]] std::shared_ptr<WebPolicy> current();

 private:
  void refresh();

  const std::string file_;
  const WebLog log_;
  std::mutex mutex_;
  std::string text_;  // of the file, for policy_
  std::shared_ptr<WebPolicy> policy_;
  std::string last_error_;
  bool has_tls_ = false;
};

}  // namespace lossgazer
