// The server's side of TLS: its certificate and key, what it asks of clients, and which versions,
// ciphers and curves it speaks. The one place that sees the server's GnuTLS sessions.
#pragma once

#include <memory>
#include <string>

#include "metrics/web_config.h"

struct gnutls_session_int;

namespace lossgazer {

struct TlsTexts {  // PEM
  std::string cert;
  std::string key;
  std::string client_ca;

  bool operator==(const TlsTexts&) const = default;
};

// Immutable: any threads may attach it.
class TlsCredentials {
 public:
  // `texts` are what `config` names. Throws WebConfigError naming the file, and why it will not do;
  // and where GnuTLS cannot offer exactly the ciphers or curves asked for.
  TlsCredentials(const TlsServerConfig& config, const TlsTexts& texts);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  // To a server's session before its handshake; the session's user pointer becomes this. Must
  // outlive the session. False if GnuTLS refuses: the session must not go on.
  [[nodiscard]] bool attach(gnutls_session_int* session) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lossgazer
