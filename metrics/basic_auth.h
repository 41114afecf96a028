// Users and their passwords (HTTP Basic, RFC 7617), checked against bcrypt hashes. A right password
// is hashed once; what comes after is compared with a keyed digest of it.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace lossgazer {

struct Login {
  std::string user;
  std::string password;

  // Reads the value of an Authorization header; nothing if it is none of this scheme.
  [[nodiscard]] static std::optional<Login> parse(std::string_view header);
};

// Any thread may call it.
class BasicAuth {
 public:
  // Users and their hashes, as parse_web_config() lets pass. None: nobody needs a password.
  explicit BasicAuth(std::map<std::string, std::string> users);

  [[nodiscard]] bool needed() const { return !users_.empty(); }
  // Whether this login was found right before: at once.
  [[nodiscard]] bool remembers(const Login& login) const;
  // Whether it is right, at the cost of a bcrypt, be the user known or not: the same, where all
  // users' hashes have one cost.
  [[nodiscard]] bool check(const Login& login);

 private:
  using Digest = std::array<unsigned char, 32>;
  [[nodiscard]] Digest digest(const Login& login) const;

  const std::map<std::string, std::string> users_;
  Digest key_{};
  mutable std::mutex mutex_;
  std::map<std::string, Digest> right_;  // at most one a user
};

}  // namespace lossgazer
