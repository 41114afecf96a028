// The links and addresses of this network namespace, as rtnetlink tells them. Never changes any.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/network_set.h"

struct mnl_socket;

namespace lossgazer {

// What stands for all interfaces in place of a name, and for none.
inline constexpr std::string_view kAnyInterface = "any";
inline constexpr std::string_view kNoInterface = "none";

struct Link {
  uint32_t index = 0;
  std::string name;
  bool up = false;       // administratively: it can be captured on
  bool running = false;  // and has a carrier
  bool loopback = false;
  bool enslaved = false;  // part of another link, such as a bridge or a bond
  uint64_t sent_packets = 0;
};

// All functions may be called from any thread, and throw std::runtime_error if the kernel refuses.

[[nodiscard]] std::vector<Link> list_links();

// Every address that is ours: single hosts, and the loopback's whole networks.
[[nodiscard]] NetworkSet local_networks();

// The name of the interface that the default route leaves by, IPv4 before IPv6. Throws if there is
// no such route.
[[nodiscard]] std::string default_interface();

// Packets that the link's card or driver dropped for want of room. 0 for an interface that is not
// there (any more), or whose number cannot be read: it is no reason to stop capturing.
[[nodiscard]] uint64_t interface_drops(uint32_t index) noexcept;

// The pattern in "/pattern/" (ECMAScript, matching anywhere in a name); nothing if `name` is a
// literal. Throws std::runtime_error if the pattern is wrong.
[[nodiscard]] std::optional<std::regex> interface_pattern(const std::string& name);

// Says that links or addresses changed. Not thread-safe.
class LinkWatcher {
 public:
  LinkWatcher();
  ~LinkWatcher();
  LinkWatcher(const LinkWatcher&) = delete;
  LinkWatcher& operator=(const LinkWatcher&) = delete;

  // Readable when something changed.
  [[nodiscard]] int fd() const;
  // True if something changed since the last call. Never blocks.
  [[nodiscard]] bool changed();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  std::unique_ptr<mnl_socket, Close> socket_;
};

}  // namespace lossgazer
