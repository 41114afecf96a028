// Makes the kernel share one interface's packets out among several captures, flow by flow: both
// directions of a flow come to the same one. Never looks at a packet itself.
#pragma once

#include <span>

namespace lossgazer {

// Joins packet sockets of one interface into a group of their own. From then on each packet comes
// to one of them, by FlowNumber. What has its ports at no fixed place behind IP (tunnels, IPv6
// extension headers) and what is not TCP comes to the first. A socket sees all packets until it
// joins. Throws std::system_error.
void join_fanout(std::span<const int> sockets);

}  // namespace lossgazer
