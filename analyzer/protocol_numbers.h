// The numbers by which one layer's header names the next. Only those that decode() follows.
#pragma once

#include <cstdint>

namespace lossgazer {

// What lies in an Ethernet frame, and in most tunnels (IANA, IEEE 802 numbers).
inline constexpr uint16_t kTypeIpv4 = 0x0800;
inline constexpr uint16_t kTypeEthernet = 0x6558;
inline constexpr uint16_t kTypeVlan = 0x8100;            // 802.1Q
inline constexpr uint16_t kTypeServiceVlan = 0x88a8;     // 802.1ad
inline constexpr uint16_t kTypeOldServiceVlan = 0x9100;  // QinQ before 802.1ad
inline constexpr uint16_t kTypeIpv6 = 0x86dd;
inline constexpr uint16_t kTypeMpls = 0x8847;
inline constexpr uint16_t kTypeMplsUpstream = 0x8848;
inline constexpr uint16_t kTypePppoeSession = 0x8864;

// What lies in an IP packet (IANA, protocol numbers).
inline constexpr uint8_t kProtocolHopByHop = 0;
inline constexpr uint8_t kProtocolIpv4 = 4;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIpv6 = 41;
inline constexpr uint8_t kProtocolRouting = 43;
inline constexpr uint8_t kProtocolFragment = 44;
inline constexpr uint8_t kProtocolGre = 47;
inline constexpr uint8_t kProtocolAuthentication = 51;
inline constexpr uint8_t kProtocolDestinationOptions = 60;
inline constexpr uint8_t kProtocolMobility = 135;

// What lies in a PPP frame (IANA, PPP numbers).
inline constexpr uint8_t kPppAddress = 0xff;
inline constexpr uint16_t kPppIpv4 = 0x0021;
inline constexpr uint16_t kPppIpv6 = 0x0057;
inline constexpr uint16_t kPppMpls = 0x0281;
inline constexpr uint16_t kPppMplsUpstream = 0x0283;

// What lies in a UDP datagram, by destination port (IANA, service names).
inline constexpr uint16_t kVxlanPort = 4789;
inline constexpr uint16_t kVxlanPortOfLinux = 8472;  // its default from before there was a number
inline constexpr uint16_t kGenevePort = 6081;

}  // namespace lossgazer
