// The kernel filter of a live source: lets TCP packets through, bare or tunnelled, and keeps of
// each the bytes that hold its headers. Never runs on files, whose bytes are kept already.
//
// The value a BPF program returns is the number of bytes the kernel keeps. So the program is a
// chain of views, each an expression and the bytes it grants; the first that matches decides:
//
//   IPv4, bare on Ethernet            the snapshot length N
//   IPv6                              N + 20
//   no payload, or a SYN              the whole headers: at least 94 bytes, 114 for IPv6
//   IPv4 options, IPv6 extensions     the whole headers: at least 134 bytes, 178 for IPv6
//   VLAN tag, MPLS label, PPPoE       + 4, + 4, + 8
//   cooked header (SLL, SLL2)         + 2, + 6
//   no link header                    - 14
//   IPIP, 6in4; in IPv6               + 20; + 40
//   VXLAN over IPv4, IPv6             + 50, + 70
//   GRE, Geneve, a tag inside VXLAN   accepted by the outer headers and granted the most they can
//                                     need, since what lies behind is at no fixed place
//
// Where it errs it grants too much. A later fragment passes with its first one's view.
//
// A share of flows can be kept. Where the ends of a flow stand at no fixed place (behind IPv4
// options, IPv6 extension headers, GRE, Geneve) all pass: whoever decodes them decides. A later
// fragment is taken or left by what stands where its ports would.
//
// The user's filter is libpcap's, and means what it means to tcpdump, with one comfort: lossgazer
// also tries it behind VLAN tags, MPLS labels and PPPoE, so `port 443` finds tagged packets too. A
// filter that itself names vlan, mpls, pppoes or geneve is taken as it stands. In tunnels it is
// applied to the outer packet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/flow_sample.h"

struct pcap;  // pcap_t

namespace lossgazer {

// libpcap's bpf_insn.
struct FilterInstruction {
  uint16_t code = 0;
  uint8_t jump_true = 0;
  uint8_t jump_false = 0;
  uint32_t operand = 0;
};

struct ViewFilterConfig {
  uint32_t snaplen = 64;      // bytes kept of an Ethernet/IPv4 packet, 48 or more
  std::string user_filter{};  // empty for none
  // The kernel sees a packet on a cooked interface without the header that libpcap makes for it,
  // and counts the bytes to keep from the network header.
  bool in_kernel = true;
  FlowSample sample{};  // of flows; others are rejected where their ends stand at fixed places
};

// The longest view is shorter than the snapshot length and this: what a handle must be opened with.
inline constexpr uint32_t kViewHeadroom = 384;

// The program for packets as `handle` frames them. `handle` must be open (or made by
// pcap_open_dead()); on a live one the program follows VLAN tags that the card or kernel took off.
// Throws std::runtime_error if the user's filter is wrong, can match no TCP packet, or makes the
// program longer than the kernel takes.
[[nodiscard]] std::vector<FilterInstruction> compile_view_filter(pcap* handle,
                                                                 const ViewFilterConfig& config);

// What is wrong with a user's filter; nothing if it can work on some interface: Ethernet, cooked or
// bare IP. Opens nothing, so what only an open interface shows is not found here.
[[nodiscard]] std::optional<std::string> user_filter_fault(const std::string& expression);

}  // namespace lossgazer
