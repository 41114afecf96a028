#include "metrics/basic_auth.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace lossgazer {
namespace {

// Longer ones are no login.
constexpr size_t kEncodedMax = 1024;

bool same(std::string_view left, std::string_view right) {
  return left.size() == right.size() && gnutls_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string bcrypt(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();  // 32 KiB
  const char* const result = crypt_r(password.c_str(), hash.c_str(), data.get());
  return result != nullptr ? result : "";
}

}  // namespace

std::optional<Login> Login::parse(std::string_view header) {
  constexpr std::string_view kScheme = "basic ";
  const bool scheme =
      header.size() > kScheme.size() && header.size() < kEncodedMax &&
      std::ranges::equal(header.substr(0, kScheme.size()), kScheme, [](char given, char lower) {
        return (given >= 'A' && given <= 'Z' ? given - 'A' + 'a' : given) == lower;
      });
  if (!scheme) return std::nullopt;
  std::string encoded(header.substr(kScheme.size()));
  gnutls_datum_t result{};
  const gnutls_datum_t base64{reinterpret_cast<unsigned char*>(encoded.data()),
                              static_cast<unsigned>(encoded.size())};
  if (gnutls_base64_decode2(&base64, &result) < 0) return std::nullopt;
  const std::string text(reinterpret_cast<char*>(result.data), result.size);
  gnutls_memset(result.data, 0, result.size);
  gnutls_free(result.data);
  const size_t colon = text.find(':');
  // crypt() would take a password for what stands before its NUL.
  if (colon == std::string::npos || text.find('\0') != std::string::npos) return std::nullopt;
  return Login{text.substr(0, colon), text.substr(colon + 1)};
}

BasicAuth::BasicAuth(std::map<std::string, std::string> users) : users_(std::move(users)) {
  if (gnutls_rnd(GNUTLS_RND_KEY, key_.data(), key_.size()) < 0) {
    throw std::runtime_error("draw a random key for remembered passwords: GnuTLS gave none");
  }
}

// Without the password itself in memory.
BasicAuth::Digest BasicAuth::digest(const Login& login) const {
  // The user's name has no colon.
  const std::string text = login.user + ":" + login.password;
  Digest result{};
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, key_.data(), key_.size(), text.data(), text.size(),
                   result.data());
  return result;
}

bool BasicAuth::remembers(const Login& login) const {
  const Digest given = digest(login);
  const std::lock_guard lock(mutex_);
  const auto known = right_.find(login.user);
  return known != right_.end() &&
         gnutls_memcmp(known->second.data(), given.data(), given.size()) == 0;
}

bool BasicAuth::check(const Login& login) {
  if (users_.empty()) return true;
  const auto user = users_.find(login.user);
  // An unknown user is put to the same work, so that time does not tell who is known.
  const std::string& hash = user != users_.end() ? user->second : users_.begin()->second;
  if (!same(bcrypt(login.password, hash), hash) || user == users_.end()) return false;
  const std::lock_guard lock(mutex_);
  right_[login.user] = digest(login);
  return true;
}

}  // namespace lossgazer
