// Builds the bytes of frames for tests: any framing and tunnel that decode() knows, any TCP header,
// with correct lengths and checksums unless told otherwise. Never reads frames: it shares no code
// with decode().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "analyzer/frame.h"
#include "analyzer/ip_address.h"
#include "tests/support/packet_bytes.h"

namespace lossgazer::test {

// A fluent description of one frame. It begins as a pure ACK without options, from 192.0.2.1:40000
// to 198.51.100.7:443 over plain Ethernet. Both addresses must be of the same family. Layers
// between the link header and the IP packet stand in the order of the calls that add them,
// outermost first: FrameBuilder().vlan(5).vxlan(42).vlan(7) is VLAN 5 on the wire and VLAN 7 in the
// tunnel.
//
// A value; build() may be called again after changes.
class FrameBuilder {
 public:
  // The link header. The interface's index matters to SLL2 alone.
  FrameBuilder& link(LinkType type, uint32_t interface_index = 0);
  // Puts the address family into the Null link header in little-endian order.
  FrameBuilder& little_endian_family(uint32_t family);

  // Layers. The tag protocol is 0x8100, 0x88a8 or 0x9100.
  FrameBuilder& vlan(uint16_t vid, uint16_t tag_protocol = 0x8100);
  FrameBuilder& mpls(std::initializer_list<uint32_t> labels);
  FrameBuilder& pppoe(uint16_t session);
  // Tunnels, with an outer IP header of their own: 203.0.113.1 to 203.0.113.2, or 2001:db8:ffff::1
  // to ::2 after outer_v6().
  FrameBuilder& ip_in_ip();
  FrameBuilder& gre();
  FrameBuilder& gre(uint32_t key);
  FrameBuilder& gre_flags(uint16_t flags, uint32_t key);  // checksum, key, sequence: as flagged
  FrameBuilder& gre_ethernet(uint32_t key);
  FrameBuilder& vxlan(uint32_t vni);
  FrameBuilder& geneve(uint32_t vni, size_t option_words = 0);
  FrameBuilder& geneve_ip(uint32_t vni);   // without an inner Ethernet header
  FrameBuilder& outer_v6(bool on = true);  // for tunnels added after this call

  // The IP header.
  FrameBuilder& from(std::string_view address, uint16_t port);
  FrameBuilder& to(std::string_view address, uint16_t port);
  // Swaps both ends: what the other side sends.
  FrameBuilder& reversed();
  FrameBuilder& ip_id(uint16_t id);
  FrameBuilder& ttl(uint8_t hops);
  FrameBuilder& traffic_class(uint8_t octet);  // IPv4's type of service
  FrameBuilder& ip_options(Bytes options);     // IPv4; a multiple of 4 bytes
  // IPv4: where this fragment begins, in bytes (a multiple of 8), and whether more follow.
  FrameBuilder& fragment(uint16_t offset, bool more);
  // IPv6: an extension header of this kind: its first byte is filled in with what follows it.
  FrameBuilder& extension(uint8_t kind, Bytes header);
  FrameBuilder& protocol(uint8_t number);   // other than TCP: the payload follows IP at once
  FrameBuilder& zero_ip_length();           // as super-packets have it
  FrameBuilder& ip_length(uint16_t wrong);  // IPv4's total length, or IPv6's payload length

  // The TCP header.
  FrameBuilder& seq(uint32_t number);
  FrameBuilder& ack(uint32_t number);  // and sets the flag
  FrameBuilder& flags(uint8_t flags);
  FrameBuilder& window(uint16_t raw);
  FrameBuilder& data_offset(uint8_t wrong_words);
  // TCP options, in the order of the calls; the list is padded with zeros to a multiple of 4.
  FrameBuilder& option(uint8_t kind, const Bytes& value);
  FrameBuilder& nop();
  FrameBuilder& mss(uint16_t bytes);
  FrameBuilder& window_scale(uint8_t shift);
  FrameBuilder& sack_permitted();
  FrameBuilder& timestamps(uint32_t tsval, uint32_t tsecr);  // after two NOPs, as usual
  FrameBuilder& sack(const std::vector<std::pair<uint32_t, uint32_t>>& blocks);  // likewise
  FrameBuilder& raw_options(Bytes options);

  // The payload: so many bytes of a pattern, or these.
  FrameBuilder& payload(size_t length);
  FrameBuilder& payload(Bytes bytes);
  // Pads Ethernet frames to 60 bytes, as the wire does.
  FrameBuilder& padded(bool on = true);

  [[nodiscard]] Bytes build() const;
  // The first `length` bytes of the frame, as a capture cut there would hold it.
  [[nodiscard]] Bytes truncated(size_t length) const;

 private:
  // A part of the frame from some header on, and the Ethernet type that names that header.
  struct Part {
    Bytes bytes;
    uint16_t ether_type;
  };
  // Wraps what lies further in.
  using Layer = std::function<Part(const Part&)>;

  [[nodiscard]] Bytes tcp_header() const;
  [[nodiscard]] Bytes ip_payload() const;
  [[nodiscard]] Part ip_packet() const;
  [[nodiscard]] Bytes with_link_header(const Part& part) const;

  LinkType link_type_ = LinkType::kEthernet;
  uint32_t interface_index_ = 0;
  uint32_t little_endian_family_ = 0;
  std::vector<Layer> layers_;
  bool outer_v6_ = false;

  IpAddress source_ = IpAddress::v4(0xc0000201);
  IpAddress destination_ = IpAddress::v4(0xc6336407);
  uint16_t source_port_ = 40000;
  uint16_t destination_port_ = 443;
  uint16_t ip_id_ = 0;
  uint8_t ttl_ = 64;
  uint8_t traffic_class_ = 0;
  Bytes ip_options_;
  uint16_t fragment_ = 0x4000;  // don't fragment
  std::vector<std::pair<uint8_t, Bytes>> extensions_;
  uint8_t protocol_ = 6;
  int ip_length_ = -1;  // the true one

  uint32_t seq_ = 1;
  uint32_t ack_ = 1;
  uint8_t flags_ = 0x10;
  uint16_t window_ = 501;
  int data_offset_ = -1;  // the true one
  Bytes tcp_options_;
  Bytes payload_;
  bool padded_ = false;
};

}  // namespace lossgazer::test
