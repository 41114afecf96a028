#include "capture/interfaces.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "capture/config_error.h"

namespace lossgazer {
namespace {

constexpr size_t kBufferSize = 32768;  // what the kernel fills at most in a dump

[[noreturn]] void fail(std::string_view doing, int error) {
  throw std::runtime_error(
      fmt::format("{} by netlink: {}", doing, std::generic_category().message(error)));
}

// One request and its answers. `doing` is what a failure is said to have tried.
class Query {
 public:
  explicit Query(std::string_view doing)
      : doing_(doing), socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) {
    if (socket_ == nullptr) fail(doing_, errno);
    if (mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) != 0) {
      const int error = errno;
      mnl_socket_close(socket_);
      fail(doing_, error);
    }
  }
  ~Query() { mnl_socket_close(socket_); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // Calls `each(const nlmsghdr*)` for every object of that type and address family.
  template <typename Payload, typename Each>
  void dump(uint16_t type, const Payload& payload, Each each) {
    send(type, NLM_F_DUMP, payload);
    while (receive(each)) {
    }
  }
  // The same for the one object that `payload` names.
  template <typename Payload, typename Each>
  void get(uint16_t type, const Payload& payload, Each each) {
    send(type, 0, payload);
    receive(each);
  }

 private:
  template <typename Payload>
  void send(uint16_t type, uint16_t flags, const Payload& payload) {
    nlmsghdr* request = mnl_nlmsg_put_header(buffer_.data());
    request->nlmsg_type = type;
    request->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(mnl_nlmsg_put_extra_header(request, sizeof payload), &payload, sizeof payload);
    if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) fail(doing_, errno);
  }

  // One datagram. Returns whether more will follow.
  template <typename Each>
  bool receive(Each each) {
    const ssize_t got = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
    if (got < 0) fail(doing_, errno);
    auto left = static_cast<int>(got);
    const auto* message = static_cast<const nlmsghdr*>(static_cast<const void*>(buffer_.data()));
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE) return false;
      if (message->nlmsg_type == NLMSG_ERROR) {
        fail(doing_, -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error);
      }
      each(message);
    }
    return true;
  }

  std::string_view doing_;
  mnl_socket* socket_;
  alignas(nlmsghdr) std::array<std::byte, kBufferSize> buffer_{};
};

// The attributes of one message, by type.
class Attributes {
 public:
  Attributes(const nlmsghdr* message, size_t header_size) {
    const auto* attribute =
        static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, header_size));
    const auto* end = static_cast<const std::byte*>(mnl_nlmsg_get_payload_tail(message));
    const auto left = [&] {
      return static_cast<int>(end -
                              static_cast<const std::byte*>(static_cast<const void*>(attribute)));
    };
    for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute)) {
      by_type_[mnl_attr_get_type(attribute)] = attribute;
    }
  }

  [[nodiscard]] const nlattr* find(uint16_t type) const {
    const auto found = by_type_.find(type);
    return found == by_type_.end() ? nullptr : found->second;
  }
  [[nodiscard]] std::optional<uint32_t> u32(uint16_t type) const {
    const nlattr* found = find(type);
    if (found == nullptr || mnl_attr_get_payload_len(found) < sizeof(uint32_t)) return std::nullopt;
    return mnl_attr_get_u32(found);
  }

 private:
  std::map<uint16_t, const nlattr*> by_type_;
};

// A link's counts; 0 throughout if there are none.
rtnl_link_stats64 statistics_in(const nlattr* attribute) {
  rtnl_link_stats64 statistics{};
  if (attribute == nullptr) return statistics;
  std::memcpy(&statistics, mnl_attr_get_payload(attribute),
              std::min<size_t>(sizeof statistics, mnl_attr_get_payload_len(attribute)));
  return statistics;
}

std::optional<IpAddress> address_in(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  const std::span bytes(static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)),
                        mnl_attr_get_payload_len(attribute));
  if (bytes.size() == 16) return IpAddress::v6(bytes.first<16>());
  if (bytes.size() != 4) return std::nullopt;
  return IpAddress::v4(uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
                       uint32_t{bytes[2]} << 8 | bytes[3]);
}

// The interface of the best default route of that family, 0 for none.
uint32_t default_route_index(unsigned char family) {
  uint32_t index = 0;
  uint32_t best_priority = std::numeric_limits<uint32_t>::max();
  rtmsg request{};
  request.rtm_family = family;
  Query("read the routes").dump(RTM_GETROUTE, request, [&](const nlmsghdr* message) {
    const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    if (route->rtm_dst_len != 0 || route->rtm_table != RT_TABLE_MAIN ||
        route->rtm_type != RTN_UNICAST) {
      return;
    }
    const Attributes attributes(message, sizeof *route);
    uint32_t leaves_by = attributes.u32(RTA_OIF).value_or(0);
    if (const nlattr* hops = attributes.find(RTA_MULTIPATH);
        leaves_by == 0 && hops != nullptr && mnl_attr_get_payload_len(hops) >= sizeof(rtnexthop)) {
      leaves_by = static_cast<uint32_t>(
          static_cast<const rtnexthop*>(mnl_attr_get_payload(hops))->rtnh_ifindex);
    }
    const uint32_t priority = attributes.u32(RTA_PRIORITY).value_or(0);
    if (leaves_by == 0 || (index != 0 && priority >= best_priority)) return;
    index = leaves_by;
    best_priority = priority;
  });
  return index;
}

}  // namespace

std::vector<Link> list_links() {
  std::vector<Link> links;
  Query("list the interfaces").dump(RTM_GETLINK, ifinfomsg{}, [&](const nlmsghdr* message) {
    const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    const Attributes attributes(message, sizeof *info);
    const nlattr* name = attributes.find(IFLA_IFNAME);
    if (name == nullptr) return;
    links.push_back({.index = static_cast<uint32_t>(info->ifi_index),
                     .name = mnl_attr_get_str(name),
                     .up = (info->ifi_flags & IFF_UP) != 0,
                     .running = (info->ifi_flags & IFF_RUNNING) != 0,
                     .loopback = (info->ifi_flags & IFF_LOOPBACK) != 0,
                     .enslaved = attributes.find(IFLA_MASTER) != nullptr,
                     .sent_packets = statistics_in(attributes.find(IFLA_STATS64)).tx_packets});
  });
  return links;
}

NetworkSet local_networks() {
  std::set<uint32_t> loopbacks;
  for (const Link& link : list_links()) {
    if (link.loopback) loopbacks.insert(link.index);
  }
  std::vector<IpPrefix> networks;
  Query("list the addresses").dump(RTM_GETADDR, ifaddrmsg{}, [&](const nlmsghdr* message) {
    const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    const Attributes attributes(message, sizeof *info);
    // On a point-to-point link IFA_ADDRESS is the peer's.
    auto address = address_in(attributes.find(IFA_LOCAL));
    if (!address) address = address_in(attributes.find(IFA_ADDRESS));
    if (!address) return;
    networks.push_back(loopbacks.contains(info->ifa_index) ? IpPrefix(*address, info->ifa_prefixlen)
                                                           : IpPrefix(*address));
  });
  return NetworkSet(std::move(networks));
}

std::string default_interface() {
  uint32_t index = default_route_index(AF_INET);
  if (index == 0) index = default_route_index(AF_INET6);
  std::array<char, IF_NAMESIZE> name{};
  if (index == 0 || ::if_indextoname(index, name.data()) == nullptr) {
    throw std::runtime_error(
        "choose an interface: no default route; name an interface with --capture.interface");
  }
  return name.data();
}

uint64_t interface_drops(uint32_t index) noexcept {
  if (index == 0) return 0;
  uint64_t drops = 0;
  try {
    ifinfomsg request{};
    request.ifi_index = static_cast<int>(index);
    Query("read an interface's statistics").get(RTM_GETLINK, request, [&](const nlmsghdr* message) {
      const rtnl_link_stats64 statistics =
          statistics_in(Attributes(message, sizeof request).find(IFLA_STATS64));
      drops = statistics.rx_missed_errors + statistics.rx_fifo_errors;
    });
  } catch (const std::exception&) {
    return 0;
  }
  return drops;
}

std::optional<std::regex> interface_pattern(const std::string& name) {
  if (name.size() < 2 || !name.starts_with('/') || !name.ends_with('/')) return std::nullopt;
  try {
    return std::regex(name.substr(1, name.size() - 2));
  } catch (const std::regex_error& error) {
    throw ConfigError(fmt::format("interface pattern {}: not a regular expression (ECMAScript): {}",
                                  name, error.what()));
  }
}

LinkWatcher::LinkWatcher()
    : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC)) {
  constexpr unsigned kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (socket_ == nullptr || mnl_socket_bind(socket_.get(), kGroups, MNL_SOCKET_AUTOPID) != 0) {
    fail("follow links and addresses", errno);
  }
}

LinkWatcher::~LinkWatcher() = default;

void LinkWatcher::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

int LinkWatcher::fd() const { return mnl_socket_get_fd(socket_.get()); }

bool LinkWatcher::changed() {
  std::array<std::byte, kBufferSize> buffer;
  bool changed = false;
  for (;;) {
    const ssize_t got = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    // ENOBUFS: there were more changes than the socket holds.
    if (got < 0 && errno != ENOBUFS && errno != EINTR && errno != ENOSPC) return changed;
    changed = true;
  }
}

}  // namespace lossgazer
