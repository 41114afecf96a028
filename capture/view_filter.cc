#include "capture/view_filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "analyzer/protocol_numbers.h"
#include "capture/config_error.h"

namespace lossgazer {
namespace {

constexpr size_t kKernelLimit = 4096;  // BPF_MAXINSNS
constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kIpv4Header = 20;
constexpr uint32_t kIpv6Header = 40;
constexpr uint32_t kLongestIpv4Options = 40;
constexpr uint32_t kExtensionHeaders = 64;  // of IPv6, granted
constexpr uint32_t kLongestTcpHeader = 60;
constexpr uint32_t kUdpHeader = 8;
constexpr uint32_t kVxlanHeader = 8;
constexpr uint32_t kLongestGreHeader = 16;  // RFC 2890
constexpr uint32_t kGeneveHeader = 8 + 64;  // with the options granted
constexpr uint32_t kVlanTag = 4;
constexpr uint32_t kMplsLabel = 4;
constexpr uint32_t kPppoeHeader = 8;
constexpr uint32_t kShortestSnaplen = 48;  // the end of the TCP flags

std::string both(const std::string& a, const std::string& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return fmt::format("({}) and ({})", a, b);
}

// Whether `filter` has a word that moves what stands after it behind a tag or into a tunnel.
bool moves_offsets(std::string_view filter) {
  constexpr std::array<std::string_view, 5> kWords = {"vlan", "mpls", "pppoed", "pppoes", "geneve"};
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  for (size_t at = 0; at < filter.size();) {
    const size_t begin = std::min(filter.find_first_of(kLetters, at), filter.size());
    at = std::min(filter.find_first_not_of(kLetters, begin), filter.size());
    const auto word = filter.substr(begin, at - begin);
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) return true;
  }
  return false;
}

// libpcap's program for one expression; nothing if it would reject every packet.
std::optional<std::vector<FilterInstruction>> compile(pcap_t* handle,
                                                      const std::string& expression) {
  constexpr int kOptimise = 1;
  bpf_program program{};
  if (pcap_compile(handle, &program, expression.c_str(), kOptimise, PCAP_NETMASK_UNKNOWN) != 0) {
    const std::string why = pcap_geterr(handle);
    if (why == "expression rejects all packets") return std::nullopt;
    throw std::runtime_error(why);
  }
  std::vector<FilterInstruction> instructions;
  instructions.reserve(program.bf_len);
  for (u_int i = 0; i < program.bf_len; ++i) {
    const bpf_insn& from = program.bf_insns[i];
    instructions.push_back({from.code, from.jt, from.jf, from.k});
  }
  pcap_freecode(&program);
  return instructions;
}

// A program put together from libpcap's. Jumps within each stay as they are, being relative; what
// it would have returned becomes a jump over the rest, and those reach as far as they need to. All
// go forward, as the kernel demands.
class FilterChain {
 public:
  explicit FilterChain(pcap_t* handle) : handle_(handle) {}

  // What matches `expression` is accepted with that many bytes; 0 rejects it.
  void view(const std::string& expression, uint32_t bytes) {
    const auto program = compile(handle_, expression);
    if (!program) return;
    const size_t end = program_.size() + program->size();
    for (const FilterInstruction& from : *program) {
      if (!is_return(from)) {
        program_.push_back(from);
      } else if (from.operand != 0) {
        program_.push_back({kReturn, 0, 0, bytes});
      } else {
        program_.push_back(jump_to(end));
      }
    }
    has_views_ = has_views_ || bytes > 0;
    check_length();
  }

  // What matches none of `alternatives` passes over the views that `add_views` adds.
  void within(const std::vector<std::string>& alternatives,
              const std::function<void()>& add_views) {
    std::vector<size_t> to_views;
    std::optional<size_t> to_next;  // where the last alternative so far jumps if it does not match
    for (const std::string& expression : alternatives) {
      const auto program = compile(handle_, expression);
      if (!program) continue;
      const size_t end = program_.size() + program->size() + 2;
      for (const FilterInstruction& from : *program) {
        if (!is_return(from)) {
          program_.push_back(from);
        } else {
          program_.push_back(jump_to(from.operand != 0 ? end - 2 : end - 1));
        }
      }
      to_views.push_back(program_.size());
      program_.push_back({kJump, 0, 0, 0});
      to_next = program_.size();
      program_.push_back(jump_to(end));
      check_length();
    }
    if (!to_next) return;
    for (const size_t at : to_views) aim(at, program_.size());
    add_views();
    aim(*to_next, program_.size());
  }

  [[nodiscard]] bool has_views() const { return has_views_; }

  [[nodiscard]] std::vector<FilterInstruction> take() && {
    program_.push_back({kReturn, 0, 0, 0});
    return std::move(program_);
  }

 private:
  static constexpr uint16_t kReturn = BPF_RET | BPF_K;
  static constexpr uint16_t kJump = BPF_JMP | BPF_JA;

  static bool is_return(const FilterInstruction& instruction) {
    return BPF_CLASS(instruction.code) == BPF_RET;
  }
  // Called often: libpcap takes its time over filters that are far too long.
  void check_length() const {
    if (program_.size() < kKernelLimit) return;
    throw std::runtime_error(
        fmt::format("with lossgazer's own filter it makes more than the {} instructions that the "
                    "kernel takes; make it shorter, for instance with 'net' in place of hosts",
                    kKernelLimit));
  }
  // To be put at the end of the program.
  [[nodiscard]] FilterInstruction jump_to(size_t target) const {
    return {kJump, 0, 0, static_cast<uint32_t>(target - program_.size() - 1)};
  }
  void aim(size_t jump, size_t target) {
    program_[jump].operand = static_cast<uint32_t>(target - jump - 1);
  }

  pcap_t* handle_;
  std::vector<FilterInstruction> program_;
  bool has_views_ = false;
};

// `size` bytes of the packet as a number.
std::string field(uint32_t offset, uint32_t size = 1) {
  return fmt::format("link[{}:{}]", offset, size);
}

std::string equals(const std::string& value, uint32_t wanted) {
  return fmt::format("{} = {}", value, wanted);
}

template <typename Value, size_t Count>
std::string one_of(const std::string& value, const std::array<Value, Count>& wanted) {
  return fmt::format("{} = {}", value, fmt::join(wanted, fmt::format(" or {} = ", value)));
}

constexpr std::array<uint16_t, 2> kIpTypes = {kTypeIpv4, kTypeIpv6};
constexpr std::array<uint16_t, 2> kPppIpTypes = {kPppIpv4, kPppIpv6};
constexpr std::array<uint16_t, 3> kVlanTypes = {kTypeVlan, kTypeServiceVlan, kTypeOldServiceVlan};
constexpr std::array<uint16_t, 2> kVxlanPorts = {kVxlanPort, kVxlanPortOfLinux};
constexpr std::array<uint16_t, 3> kTunnelled = {kTypeIpv4, kTypeIpv6, kTypeEthernet};
constexpr std::array<uint8_t, 6> kExtensions = {
    kProtocolHopByHop,           kProtocolRouting, kProtocolFragment, kProtocolAuthentication,
    kProtocolDestinationOptions, kProtocolMobility};

// Adds the views of one kind of link. All places are fixed: what stands at no fixed place is
// accepted by what stands before it. Only the user's filter is left to libpcap's own words.
class ViewBuilder {
 public:
  ViewBuilder(pcap_t* handle, const ViewFilterConfig& config)
      : handle_(handle), chain_(handle), link_type_(pcap_datalink(handle)), config_(config) {}

  std::vector<FilterInstruction> build() {
    switch (link_type_) {
      case DLT_EN10MB:
        tagged_layers(12, kEthernetHeader, Words::kKnown);
        break;
      case DLT_LINUX_SLL:
        tagged_layers(14, 16, Words::kUnknown);
        break;
      case DLT_LINUX_SLL2:
        tagged_layers(0, 20, Words::kUnknown);
        break;
      default:  // IP at once
        layer({""}, "", 0, Tunnels::kFollowed);
    }
    if (!chain_.has_views()) throw std::runtime_error("it lets no TCP packet through");
    return std::move(chain_).take();
  }

 private:
  enum class Tunnels { kFollowed, kLeftOut };
  enum class Words { kKnown, kUnknown };  // whether libpcap has vlan and mpls for this link type

  // What may follow a link header of `header` bytes that names the next one at `type`.
  void tagged_layers(uint32_t type, uint32_t header, Words words) {
    const auto prefix = [&](const char* word) { return words == Words::kKnown ? word : ""; };
    layer({""}, one_of(field(type, 2), kIpTypes), header, Tunnels::kFollowed);

    // Where one tag is left in the packet, the kernel may have taken off another before it.
    const std::string tag = one_of(field(type, 2), kVlanTypes);
    const uint32_t inner_type = header + 2;
    layer({prefix("vlan"), prefix("vlan and vlan")},
          both(tag, one_of(field(inner_type, 2), kIpTypes)), header + kVlanTag, Tunnels::kFollowed);
    layer({prefix("vlan and vlan")},
          both(both(tag, one_of(field(inner_type, 2), kVlanTypes)),
               one_of(field(inner_type + kVlanTag, 2), kIpTypes)),
          header + 2 * kVlanTag, Tunnels::kLeftOut);

    const auto pppoe = [](uint32_t type_at, uint32_t begin) {
      return both(equals(field(type_at, 2), kTypePppoeSession),
                  one_of(field(begin + 6, 2), kPppIpTypes));
    };
    layer({"pppoes"}, pppoe(type, header), header + kPppoeHeader, Tunnels::kLeftOut);
    layer({words == Words::kKnown ? "vlan and pppoes" : "pppoes"},
          both(tag, pppoe(inner_type, header + kVlanTag)), header + kVlanTag + kPppoeHeader,
          Tunnels::kLeftOut);

    std::string labels = equals(field(type, 2), kTypeMpls);
    std::string label_words = prefix("mpls");
    for (uint32_t end = header + kMplsLabel; end <= header + 3 * kMplsLabel; end += kMplsLabel) {
      const std::string bottom = field(end - 2) + " & 1";
      layer({label_words}, both(labels, equals(bottom, 1)), end, Tunnels::kLeftOut);
      labels = both(labels, equals(bottom, 0));
      label_words = both(label_words, prefix("mpls"));
    }
  }

  // Packets whose IP header begins at `ip` if `type` holds. `prefixes` say in libpcap's words what
  // stands before it.
  void layer(const std::vector<std::string>& prefixes, const std::string& type, uint32_t ip,
             Tunnels tunnels) {
    within(type, [&] {
      const bool as_it_stands = moves_offsets(config_.user_filter);
      std::vector<std::string> guards;
      for (const std::string& prefix : prefixes) {
        if (config_.user_filter.empty()) break;
        guards.push_back(as_it_stands ? config_.user_filter : both(prefix, config_.user_filter));
      }
      const auto possible = [&](const std::string& words) {
        return guards.empty() || as_it_stands || compile(handle_, both(guards[0], words));
      };
      const auto add_views = [&] {
        if (possible("ip proto 6")) ipv4_views(ip);
        if (tunnels == Tunnels::kFollowed &&
            possible("ip proto 4 or ip proto 41 or ip proto 47 or ip proto 17")) {
          // An outer header with options is taken for no tunnel: none is sent.
          within(equals(field(ip), 0x45), [&] { tunnel_views(ip + 9, ip + kIpv4Header); });
        }
        if (!possible("ip6")) return;
        within(field(ip) + " & 0xf0 = 0x60", [&] {
          ipv6_views(ip);
          if (tunnels == Tunnels::kFollowed) tunnel_views(ip + 6, ip + kIpv6Header);
        });
      };
      if (guards.empty()) return add_views();
      chain_.within(guards, add_views);
    });
  }

  void ipv4_views(uint32_t ip) {
    within(both(equals(field(ip) + " & 0xf0", 0x40), equals(field(ip + 9), kProtocolTcp)), [&] {
      const uint32_t tcp = ip + kIpv4Header;
      const std::string plain = equals(field(ip), 0x45);
      leave_out(plain, field(ip + 12, 4) + " ^ " + field(ip + 16, 4), tcp);
      const std::string no_payload = fmt::format("{} = {} + (({} & 0xf0) >> 2)", field(ip + 2, 2),
                                                 kIpv4Header, field(tcp + 12));
      view(both(plain, fmt::format("{} or {}", no_payload, is_syn(tcp))),
           ip + std::max(ip_bytes(), kIpv4Header + kLongestTcpHeader));
      view(plain, ip + ip_bytes());
      view("", ip + longest_ipv4());
    });
  }

  void ipv6_views(uint32_t ip) {
    within(field(ip) + " & 0xf0 = 0x60", [&] {
      const uint32_t tcp = ip + kIpv6Header;
      const std::string plain = equals(field(ip + 6), kProtocolTcp);
      std::string addresses = field(ip + 8, 4);
      for (uint32_t word = ip + 12; word < tcp; word += 4) addresses += " ^ " + field(word, 4);
      leave_out(plain, addresses, tcp);
      const std::string no_payload =
          fmt::format("{} = ({} & 0xf0) >> 2", field(ip + 4, 2), field(tcp + 12));
      const uint32_t data = ip_bytes() + kIpv6Header - kIpv4Header;
      const uint32_t whole = std::max(data, kIpv6Header + kLongestTcpHeader);
      view(both(plain, fmt::format("{} or {}", no_payload, is_syn(tcp))), ip + whole);
      view(plain, ip + data);
      const std::string next = field(ip + kIpv6Header);
      view(both(one_of(field(ip + 6), kExtensions),
                fmt::format("{} or {}", equals(next, kProtocolTcp), one_of(next, kExtensions))),
           ip + whole + kExtensionHeaders);
    });
  }

  // What an outer IP packet carries from `inner` on, by the number at `protocol`.
  void tunnel_views(uint32_t protocol, uint32_t inner) {
    within(equals(field(protocol), kProtocolIpv4), [&] { ipv4_views(inner); });
    within(equals(field(protocol), kProtocolIpv6), [&] { ipv6_views(inner); });
    view(both(equals(field(protocol), kProtocolGre), one_of(field(inner + 2, 2), kTunnelled)),
         inner + kLongestGreHeader + kEthernetHeader + longest_ipv4());
    within(equals(field(protocol), kProtocolUdp), [&] {
      const std::string port = field(inner + 2, 2);
      const uint32_t payload = inner + kUdpHeader;
      within(one_of(port, kVxlanPorts), [&] {
        const uint32_t ip = payload + kVxlanHeader + kEthernetHeader;
        ipv4_views(ip);
        ipv6_views(ip);
        view(one_of(field(ip - 2, 2), kVlanTypes), ip + kVlanTag + longest_ipv4());
      });
      view(both(equals(port, kGenevePort), one_of(field(payload + 2, 2), kTunnelled)),
           payload + kGeneveHeader + kEthernetHeader + longest_ipv4());
    });
  }

  // Rejects what `type` holds for and is of a flow that is not kept, by FlowNumber.
  void leave_out(const std::string& type, const std::string& addresses, uint32_t tcp) {
    if (config_.sample.keeps_all()) return;
    const std::string number =
        fmt::format("({}) * {} + ({} ^ {}) * {}", addresses, FlowNumber::kAddressFactor,
                    field(tcp, 2), field(tcp + 2, 2), FlowNumber::kPortFactor);
    chain_.view(both(type, fmt::format("{} >= {}", number, config_.sample.limit())), 0);
  }

  // What the snapshot length grants of an IPv4 packet.
  [[nodiscard]] uint32_t ip_bytes() const { return config_.snaplen - kEthernetHeader; }
  // The longest view of one, or of IPv6 without extension headers.
  [[nodiscard]] uint32_t longest_ipv4() const {
    return std::max(ip_bytes() + kLongestIpv4Options,
                    kIpv4Header + kLongestIpv4Options + kLongestTcpHeader);
  }
  static std::string is_syn(uint32_t tcp) { return field(tcp + 13) + " & 2 != 0"; }

  void view(const std::string& expression, uint32_t bytes) {
    chain_.view(expression, bytes - unseen_header());
  }
  void within(const std::string& expression, const std::function<void()>& add_views) {
    if (expression.empty()) return add_views();
    chain_.within({expression}, add_views);
  }

  [[nodiscard]] uint32_t unseen_header() const {
    if (!config_.in_kernel) return 0;
    if (link_type_ == DLT_LINUX_SLL) return 16;
    return link_type_ == DLT_LINUX_SLL2 ? 20 : 0;
  }

  pcap_t* handle_;
  FilterChain chain_;
  int link_type_;
  const ViewFilterConfig& config_;
};

}  // namespace

std::vector<FilterInstruction> compile_view_filter(pcap* handle, const ViewFilterConfig& config) {
  const auto fail = [&](const std::string& why) {
    return ConfigError(fmt::format("filter '{}': {}", config.user_filter, why));
  };
  if (config.snaplen < kShortestSnaplen) {
    throw std::runtime_error(fmt::format("snapshot length {}: the TCP flags end at {}",
                                         config.snaplen, kShortestSnaplen));
  }
  try {
    // Alone first: the message of the combined one would quote what the user did not write.
    if (!config.user_filter.empty() && !compile(handle, config.user_filter)) {
      throw std::runtime_error("it rejects all packets");
    }
    return ViewBuilder(handle, config).build();
  } catch (const std::runtime_error& error) {
    throw fail(error.what());
  }
}

std::optional<std::string> user_filter_fault(const std::string& expression) {
  std::optional<std::string> fault;  // the first: Ethernet's, which most know
  for (const int link_type : {DLT_EN10MB, DLT_LINUX_SLL2, DLT_RAW}) {
    const std::unique_ptr<pcap_t, void (*)(pcap_t*)> handle(pcap_open_dead(link_type, 65535),
                                                            pcap_close);
    if (!handle) throw std::runtime_error("check a filter: out of memory");
    try {
      if (compile(handle.get(), expression)) return std::nullopt;
      if (!fault) fault = "it rejects all packets";
    } catch (const std::runtime_error& error) {
      // Its name may be found by the time an interface is opened.
      if (std::string_view(error.what()).starts_with("unknown host")) return std::nullopt;
      if (!fault) fault = error.what();
    }
  }
  return fault;
}

}  // namespace lossgazer
