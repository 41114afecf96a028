#include "metrics/web_policy.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "metrics/text_file.h"

namespace lossgazer {
namespace {

std::string read(const std::string& what, const std::string& path) {
  try {
    return read_text_file(path);
  } catch (const std::runtime_error& error) {
    throw WebConfigError(fmt::format("{} {}: {}", what, path, error.what()));
  }
}

std::string pem(const char* key, const PemSource& source) {
  return source.file.empty() ? source.text : read(key, source.file);
}

std::string read_config(const std::string& file) { return read("--web.config.file", file); }

TlsTexts read_texts(const WebConfig& config) {
  if (!config.tls) return {};
  return {pem("cert_file", config.tls->cert), pem("key_file", config.tls->key),
          pem("client_ca_file", config.tls->client_ca)};
}

std::shared_ptr<WebPolicy> make_policy(WebConfig config, TlsTexts texts) {
  auto tls = config.tls ? std::make_unique<const TlsCredentials>(*config.tls, texts) : nullptr;
  // Its members lock and cannot be moved: it is made in place.
  return std::shared_ptr<WebPolicy>(new WebPolicy{config, std::move(texts), std::move(tls),
                                                  BasicAuth(config.users),
                                                  RateLimit(config.rate_limit)});
}

}  // namespace

std::shared_ptr<WebPolicy> WebPolicy::load(const std::string& file) {
  WebConfig config = parse_web_config(read_config(file), file);
  TlsTexts texts = read_texts(config);
  return make_policy(std::move(config), std::move(texts));
}

WebPolicyFile::WebPolicyFile(std::string file, WebLog log)
    : file_(std::move(file)), log_(std::move(log)) {
  if (file_.empty()) {
    policy_ = make_policy({}, {});
    return;
  }
  text_ = read_config(file_);
  WebConfig config = parse_web_config(text_, file_);
  TlsTexts texts = read_texts(config);
  policy_ = make_policy(std::move(config), std::move(texts));
  has_tls_ = policy_->tls != nullptr;
}

std::shared_ptr<WebPolicy> WebPolicyFile::current() {
  const std::lock_guard lock(mutex_);
  if (file_.empty()) return policy_;
  try {
    refresh();
    last_error_.clear();
  } catch (const std::exception& error) {
    if (std::exchange(last_error_, error.what()) != error.what() && log_.warning) {
      log_.warning(fmt::format("{}; what was read before goes on", error.what()));
    }
  }
  return policy_;
}

// The files are small, and reading them costs less than a handshake: their times, which a quick
// second change may not move, are not relied on.
void WebPolicyFile::refresh() {
  std::string text = read_config(file_);
  const bool same = text == text_;
  WebConfig config = same ? policy_->config : parse_web_config(text, file_);
  TlsTexts texts = read_texts(config);
  if (same && texts == policy_->texts) return;
  if (config.tls.has_value() != has_tls_) {
    throw WebConfigError(fmt::format("{}: TLS was {}: that takes a restart", file_,
                                     has_tls_ ? "taken away" : "added"));
  }
  policy_ = make_policy(std::move(config), std::move(texts));
  text_ = std::move(text);
  if (log_.info) log_.info(fmt::format("read {} and what it names again", file_));
}

}  // namespace lossgazer
