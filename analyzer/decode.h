// From the bytes of a frame to a Segment. Reads only what was captured, never beyond.
#pragma once

#include "analyzer/decode_status.h"
#include "analyzer/frame.h"
#include "analyzer/keyed_hash.h"
#include "analyzer/segment.h"

namespace lossgazer {

// Decodes `frame`, framed as `link_type`, into `segment`: through VLAN and QinQ tags, PPPoE, MPLS,
// IPv4 options and IPv6 extension headers, and tunnels (IPIP, 6in4, GRE, VXLAN, Geneve), whose
// inner TCP packet is the one judged. Sets everything but Segment::source; sets Segment::link only
// where the framing names the interface (SLL2). `segment` is complete only if kOk is returned,
// which needs the TCP header captured up to its flags.
//
// Lengths are the innermost IP header's, whatever the wire length says; only an IP length of 0 (a
// super-packet) falls back to it. Addresses, IP-ID and the ECN mark are the innermost header's too.
// FlowKey::encapsulation is folded from VLAN identifiers, VNIs and GRE keys, outermost first. A
// first fragment is decoded with the length that it carries alone.
//
// Neither allocates nor throws, and keeps no state: any thread may call it.
[[nodiscard]] DecodeStatus decode(const Frame& frame, LinkType link_type, HashKey secret,
                                  Segment& segment) noexcept;

}  // namespace lossgazer
