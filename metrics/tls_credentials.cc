#include "metrics/tls_credentials.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace lossgazer {
namespace {

// A chain longer than this is none.
constexpr unsigned kChainMax = 16;

struct CipherSuite {
  std::string_view name;  // Go's
  uint16_t number;        // IANA's
  std::string_view key_exchange;
  std::string_view cipher;
  std::string_view mac;
};
constexpr std::array kCipherSuites{
    CipherSuite{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xC009, "ECDHE-ECDSA", "AES-128-CBC",
                "SHA1"},
    CipherSuite{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xC00A, "ECDHE-ECDSA", "AES-256-CBC",
                "SHA1"},
    CipherSuite{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xC013, "ECDHE-RSA", "AES-128-CBC", "SHA1"},
    CipherSuite{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xC014, "ECDHE-RSA", "AES-256-CBC", "SHA1"},
    CipherSuite{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xC02B, "ECDHE-ECDSA", "AES-128-GCM",
                "AEAD"},
    CipherSuite{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xC02C, "ECDHE-ECDSA", "AES-256-GCM",
                "AEAD"},
    CipherSuite{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC02F, "ECDHE-RSA", "AES-128-GCM",
                "AEAD"},
    CipherSuite{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xC030, "ECDHE-RSA", "AES-256-GCM",
                "AEAD"},
    CipherSuite{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xCCA8, "ECDHE-RSA",
                "CHACHA20-POLY1305", "AEAD"},
    CipherSuite{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xCCA9, "ECDHE-ECDSA",
                "CHACHA20-POLY1305", "AEAD"},
    // Of TLS 1.3, where the cipher alone is chosen.
    CipherSuite{"TLS_AES_128_GCM_SHA256", 0x1301, "", "AES-128-GCM", "AEAD"},
    CipherSuite{"TLS_AES_256_GCM_SHA384", 0x1302, "", "AES-256-GCM", "AEAD"},
    CipherSuite{"TLS_CHACHA20_POLY1305_SHA256", 0x1303, "", "CHACHA20-POLY1305", "AEAD"},
};

struct Curve {
  std::string_view name;   // Go's
  std::string_view group;  // GnuTLS's
};
constexpr std::array kCurves{
    Curve{"CurveP256", "SECP256R1"},
    Curve{"CurveP384", "SECP384R1"},
    Curve{"CurveP521", "SECP521R1"},
    Curve{"X25519", "X25519"},
};

template <typename T, size_t kSize>
const T& known(const std::array<T, kSize>& all, const std::string& name, std::string_view key) {
  const auto* const found = std::ranges::find(all, name, &T::name);
  if (found != all.end()) return *found;
  std::vector<std::string_view> names;
  names.reserve(all.size());
  for (const T& one : all) names.push_back(one.name);
  throw WebConfigError(fmt::format("{}: '{}' is not one of {}, the ones lossgazer can offer", key,
                                   name, fmt::join(names, ", ")));
}

void add_once(std::string& priority, std::string_view word) {
  const std::string added = fmt::format(":+{}", word);
  if (!word.empty() && (priority + ":").find(added + ":") == std::string::npos) priority += added;
}

std::string versions(const TlsServerConfig& config) {
  constexpr std::array<std::string_view, 4> kNames{"VERS-TLS1.0", "VERS-TLS1.1", "VERS-TLS1.2",
                                                   "VERS-TLS1.3"};
  std::string priority = ":-VERS-ALL";
  for (auto version = static_cast<size_t>(config.max_version) + 1;
       version-- > static_cast<size_t>(config.min_version);) {
    add_once(priority, kNames.at(version));
  }
  return priority;
}

std::string ciphers(const TlsServerConfig& config) {
  // As Go by default: forward secrecy always.
  if (config.cipher_suites.empty()) return ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA";
  std::string key_exchanges = ":-KX-ALL";
  std::string names = ":-CIPHER-ALL";
  std::string macs = ":-MAC-ALL";
  for (const std::string& name : config.cipher_suites) {
    const CipherSuite& suite = known(kCipherSuites, name, "cipher_suites");
    add_once(key_exchanges, suite.key_exchange);
    add_once(names, suite.cipher);
    add_once(macs, suite.mac);
  }
  return key_exchanges + names + macs;
}

std::string priority_string(const TlsServerConfig& config) {
  std::string priority = "NORMAL" + versions(config) + ciphers(config);
  if (!config.curve_preferences.empty()) {
    std::string groups = ":-GROUP-ALL";
    for (const std::string& name : config.curve_preferences) {
      add_once(groups, fmt::format("GROUP-{}", known(kCurves, name, "curve_preferences").group));
    }
    priority += groups;
  }
  if (config.prefer_server_cipher_suites) priority += ":%SERVER_PRECEDENCE";
  return priority;
}

// GnuTLS chooses key exchange, cipher and MAC apart: a list of suites can come out as more than
// was asked for. What would then be offered besides.
std::vector<std::string> unasked_suites(gnutls_priority_t priority, const TlsServerConfig& config) {
  std::vector<std::string> unasked;
  for (unsigned position = 0;; ++position) {
    unsigned index = 0;
    const int result = gnutls_priority_get_cipher_suite_index(priority, position, &index);
    if (result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) return unasked;
    if (result == GNUTLS_E_UNKNOWN_CIPHER_SUITE) continue;
    std::array<unsigned char, 2> id{};
    gnutls_protocol_t version{};
    const char* const name =
        gnutls_cipher_suite_info(index, id.data(), nullptr, nullptr, nullptr, &version);
    const unsigned number = id[0] * 256U + id[1];
    const bool asked = std::ranges::any_of(config.cipher_suites, [&](const std::string& wanted) {
      return known(kCipherSuites, wanted, "cipher_suites").number == number;
    });
    // As in Go, the list does not rule over TLS 1.3, where every cipher is good.
    if (!asked && version != GNUTLS_TLS1_3) unasked.emplace_back(name != nullptr ? name : "?");
  }
}

gnutls_datum_t datum(const std::string& text) {
  // GnuTLS only reads it, whatever its type says.
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

std::string named(const char* key, const PemSource& source) {
  return source.file.empty() ? key : fmt::format("{}_file {}", key, source.file);
}

struct PriorityDeinit {
  void operator()(gnutls_priority_st* priority) const { gnutls_priority_deinit(priority); }
};
struct CredentialsFree {
  void operator()(gnutls_certificate_credentials_st* credentials) const {
    gnutls_certificate_free_credentials(credentials);
  }
};
struct CertificateDeinit {
  void operator()(gnutls_x509_crt_int* certificate) const { gnutls_x509_crt_deinit(certificate); }
};
struct KeyDeinit {
  void operator()(gnutls_x509_privkey_int* key) const { gnutls_x509_privkey_deinit(key); }
};
using Certificate = std::unique_ptr<gnutls_x509_crt_int, CertificateDeinit>;
using PrivateKey = std::unique_ptr<gnutls_x509_privkey_int, KeyDeinit>;

std::vector<Certificate> read_chain(const TlsServerConfig& config, const std::string& text) {
  const gnutls_datum_t pem = datum(text);
  std::array<gnutls_x509_crt_t, kChainMax> list{};
  unsigned count = kChainMax;
  const int result = gnutls_x509_crt_list_import(list.data(), &count, &pem, GNUTLS_X509_FMT_PEM,
                                                 GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
  if (result < 0) {
    throw WebConfigError(fmt::format("{}: no PEM certificate: {}", named("cert", config.cert),
                                     gnutls_strerror(result)));
  }
  std::vector<Certificate> chain;
  chain.reserve(count);
  for (gnutls_x509_crt_t certificate : std::span(list).first(count))
    chain.emplace_back(certificate);
  return chain;
}

PrivateKey read_key(const TlsServerConfig& config, const std::string& text) {
  gnutls_x509_privkey_t raw = nullptr;
  if (gnutls_x509_privkey_init(&raw) < 0) throw std::bad_alloc();
  PrivateKey key(raw);
  const gnutls_datum_t pem = datum(text);
  const int result =
      gnutls_x509_privkey_import2(raw, &pem, GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN);
  if (result < 0) {
    throw WebConfigError(fmt::format("{}: no PEM private key without a password: {}",
                                     named("key", config.key), gnutls_strerror(result)));
  }
  return key;
}

// The subject's alternative names: DNS, e-mail, URI, and addresses as text.
std::vector<std::string> alternative_names(gnutls_x509_crt_t certificate) {
  std::vector<std::string> names;
  for (unsigned index = 0;; ++index) {
    std::string name(512, '\0');
    size_t size = name.size();
    unsigned type = 0;
    int result = gnutls_x509_crt_get_subject_alt_name2(certificate, index, name.data(), &size,
                                                       &type, nullptr);
    if (result == GNUTLS_E_SHORT_MEMORY_BUFFER) continue;  // no name that could be meant
    if (result < 0) return names;
    name.resize(size);
    if (type == GNUTLS_SAN_IPADDRESS) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (inet_ntop(size == 4 ? AF_INET : AF_INET6, name.data(), text.data(), text.size()) !=
              nullptr &&
          (size == 4 || size == 16)) {
        names.emplace_back(text.data());
      }
    } else if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME ||
               type == GNUTLS_SAN_URI) {
      names.push_back(name);
    }
  }
}

}  // namespace

class TlsCredentials::Impl {
 public:
  Impl(const TlsServerConfig& config, const TlsTexts& texts)
      : client_auth_(config.client_auth), allowed_(config.client_allowed_sans) {
    set_priority(config);
    gnutls_certificate_credentials_t raw = nullptr;
    if (gnutls_certificate_allocate_credentials(&raw) < 0) throw std::bad_alloc();
    credentials_.reset(raw);
    set_certificate(config, texts);
    if (!texts.client_ca.empty() || !config.client_ca.empty()) set_client_ca(config, texts);
  }

  [[nodiscard]] bool attach(gnutls_session_t session) const {
    const auto request = [this] {
      switch (client_auth_) {
        case ClientAuth::kNoClientCert:
          return GNUTLS_CERT_IGNORE;
        case ClientAuth::kRequestClientCert:
        case ClientAuth::kVerifyClientCertIfGiven:
          return GNUTLS_CERT_REQUEST;
        case ClientAuth::kRequireAnyClientCert:
        case ClientAuth::kRequireAndVerifyClientCert:
          return GNUTLS_CERT_REQUIRE;
      }
      return GNUTLS_CERT_REQUIRE;
    }();
    if (gnutls_priority_set(session, priority_.get()) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials_.get()) < 0) {
      return false;
    }
    // It holds no pointers to const, but does not change them.
    gnutls_session_set_ptr(session, const_cast<Impl*>(this));
    gnutls_session_set_verify_function(session, &Impl::verify);
    gnutls_certificate_server_set_request(session, request);
    return true;
  }

 private:
  void set_priority(const TlsServerConfig& config) {
    const std::string text = priority_string(config);
    gnutls_priority_t raw = nullptr;
    const char* position = nullptr;
    const int result = gnutls_priority_init(&raw, text.c_str(), &position);
    if (result < 0) {
      throw WebConfigError(
          fmt::format("tls_server_config: GnuTLS does not take the versions, cipher_suites or "
                      "curve_preferences asked for: {} at '{}'",
                      gnutls_strerror(result), position != nullptr ? position : text));
    }
    priority_.reset(raw);
    if (config.cipher_suites.empty()) return;
    const std::vector<std::string> unasked = unasked_suites(raw, config);
    if (!unasked.empty()) {
      throw WebConfigError(
          fmt::format("cipher_suites: GnuTLS cannot offer these without {} besides: add them, or "
                      "leave some out",
                      fmt::join(unasked, ", ")));
    }
  }

  void set_certificate(const TlsServerConfig& config, const TlsTexts& texts) {
    const std::vector<Certificate> chain = read_chain(config, texts.cert);
    const PrivateKey key = read_key(config, texts.key);
    std::vector<gnutls_x509_crt_t> raw;
    raw.reserve(chain.size());
    for (const Certificate& certificate : chain) raw.push_back(certificate.get());
    const int result = gnutls_certificate_set_x509_key(credentials_.get(), raw.data(),
                                                       static_cast<int>(raw.size()), key.get());
    if (result < 0) {
      throw WebConfigError(fmt::format("{} and {}: {}", named("cert", config.cert),
                                       named("key", config.key), gnutls_strerror(result)));
    }
  }

  void set_client_ca(const TlsServerConfig& config, const TlsTexts& texts) {
    const gnutls_datum_t pem = datum(texts.client_ca);
    const int result =
        gnutls_certificate_set_x509_trust_mem(credentials_.get(), &pem, GNUTLS_X509_FMT_PEM);
    if (result <= 0) {
      throw WebConfigError(fmt::format("{}: no PEM certificate{}{}",
                                       named("client_ca", config.client_ca), result < 0 ? ": " : "",
                                       result < 0 ? gnutls_strerror(result) : ""));
    }
  }

  // Called in the handshake; anything but 0 ends it.
  static int verify(gnutls_session_t session) {
    return static_cast<const Impl*>(gnutls_session_get_ptr(session))->accepts(session) ? 0 : -1;
  }

  [[nodiscard]] bool accepts(gnutls_session_t session) const {
    unsigned count = 0;
    const gnutls_datum_t* const certificates = gnutls_certificate_get_peers(session, &count);
    const bool given = certificates != nullptr && count > 0;
    switch (client_auth_) {
      case ClientAuth::kNoClientCert:
      case ClientAuth::kRequestClientCert:
        return true;
      case ClientAuth::kVerifyClientCertIfGiven:
        return !given || is_trusted(session);
      case ClientAuth::kRequireAnyClientCert:
        return given && is_allowed(certificates[0]);
      case ClientAuth::kRequireAndVerifyClientCert:
        return given && is_trusted(session) && is_allowed(certificates[0]);
    }
    return false;
  }

  static bool is_trusted(gnutls_session_t session) {
    // As Go: a certificate made for servers alone is none of a client.
    std::string purpose(GNUTLS_KP_TLS_WWW_CLIENT);
    gnutls_typed_vdata_st data{};
    data.type = GNUTLS_DT_KEY_PURPOSE_OID;
    data.data = reinterpret_cast<unsigned char*>(purpose.data());
    data.size = static_cast<unsigned>(purpose.size());
    unsigned status = 0;
    return gnutls_certificate_verify_peers(session, &data, 1, &status) >= 0 && status == 0;
  }

  [[nodiscard]] bool is_allowed(const gnutls_datum_t& der) const {
    if (allowed_.empty()) return true;
    gnutls_x509_crt_t raw = nullptr;
    if (gnutls_x509_crt_init(&raw) < 0) return false;
    const Certificate certificate(raw);
    if (gnutls_x509_crt_import(raw, &der, GNUTLS_X509_FMT_DER) < 0) return false;
    const std::vector<std::string> names = alternative_names(raw);
    return std::ranges::any_of(names, [this](const std::string& name) {
      return std::ranges::find(allowed_, name) != allowed_.end();
    });
  }

  const ClientAuth client_auth_;
  const std::vector<std::string> allowed_;  // empty: any name
  std::unique_ptr<gnutls_priority_st, PriorityDeinit> priority_;
  std::unique_ptr<gnutls_certificate_credentials_st, CredentialsFree> credentials_;
};

TlsCredentials::TlsCredentials(const TlsServerConfig& config, const TlsTexts& texts)
    : impl_(std::make_unique<Impl>(config, texts)) {}

TlsCredentials::~TlsCredentials() = default;

bool TlsCredentials::attach(gnutls_session_int* session) const { return impl_->attach(session); }

}  // namespace lossgazer
