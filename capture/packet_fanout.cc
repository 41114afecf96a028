#include "capture/packet_fanout.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>
#include <vector>

#include "analyzer/flow_sample.h"
#include "analyzer/protocol_numbers.h"

namespace lossgazer {
namespace {

// Where a kernel's filter finds the network header, wherever the packet itself begins for it: an
// arriving packet's does there, a leaving one's at its link header.
constexpr auto kNetwork = static_cast<uint32_t>(SKF_NET_OFF);
constexpr uint32_t kWordInMemory = 0;
// The number's upper bits are the well-mixed ones; the uppermost are alike where a share of flows
// is kept.
constexpr uint32_t kShift = 12;

constexpr sock_filter statement(uint32_t code, uint32_t operand) {
  return {.code = static_cast<uint16_t>(code), .jt = 0, .jf = 0, .k = operand};
}
// On to the next if it holds, else past so many.
constexpr sock_filter unless(uint32_t code, uint32_t operand, size_t past) {
  return {.code = static_cast<uint16_t>(BPF_JMP | code | BPF_K),
          .jt = 0,
          .jf = static_cast<uint8_t>(past),
          .k = operand};
}

using Program = std::vector<sock_filter>;

void add(Program& program, uint32_t code, uint32_t operand) {
  program.push_back(statement(code, operand));
}

// Returns the number of the flow whose addresses stand from `begin` to `end`, and whose ports at
// X + `ports`.
void append_number(Program& program, uint32_t begin, uint32_t end, uint32_t ports) {
  const auto exclusive_or_memory = [&] {
    add(program, BPF_LDX | BPF_MEM, kWordInMemory);
    add(program, BPF_ALU | BPF_XOR | BPF_X, 0);
  };
  add(program, BPF_LD | BPF_H | BPF_IND, ports);
  add(program, BPF_ST, kWordInMemory);
  add(program, BPF_LD | BPF_H | BPF_IND, ports + 2);
  exclusive_or_memory();
  add(program, BPF_ALU | BPF_MUL | BPF_K, FlowNumber::kPortFactor);
  add(program, BPF_ST, kWordInMemory + 1);
  add(program, BPF_LD | BPF_W | BPF_ABS, begin);
  for (uint32_t word = begin + 4; word < end; word += 4) {
    add(program, BPF_ST, kWordInMemory);
    add(program, BPF_LD | BPF_W | BPF_ABS, word);
    exclusive_or_memory();
  }
  add(program, BPF_ALU | BPF_MUL | BPF_K, FlowNumber::kAddressFactor);
  add(program, BPF_LDX | BPF_MEM, kWordInMemory + 1);
  add(program, BPF_ALU | BPF_ADD | BPF_X, 0);
  add(program, BPF_ALU | BPF_RSH | BPF_K, kShift);
  add(program, BPF_RET | BPF_A, 0);
}

// `number` if the protocol is TCP, else 0.
Program if_tcp(uint32_t protocol, const Program& number) {
  Program program;
  add(program, BPF_LD | BPF_B | BPF_ABS, protocol);
  program.push_back(unless(BPF_JEQ, kProtocolTcp, number.size()));
  program.insert(program.end(), number.begin(), number.end());
  add(program, BPF_RET | BPF_K, 0);
  return program;
}

Program for_ipv4(uint32_t ip) {
  Program number;
  add(number, BPF_LD | BPF_B | BPF_ABS, ip);
  add(number, BPF_ALU | BPF_AND | BPF_K, 0x0f);
  add(number, BPF_ALU | BPF_LSH | BPF_K, 2);
  add(number, BPF_MISC | BPF_TAX, 0);
  append_number(number, ip + 12, ip + 20, ip);
  return if_tcp(ip + 9, number);
}

Program for_ipv6(uint32_t ip) {
  Program number;
  add(number, BPF_LDX | BPF_IMM, 40);
  append_number(number, ip + 8, ip + 40, ip);
  return if_tcp(ip + 6, number);
}

// What it returns, modulo the number of sockets, says which gets a packet. Reading beyond a
// packet's end returns 0.
Program flow_program() {
  Program program;
  // IP is known by its version alone, since what names it is not the same in both directions: of a
  // packet that arrives, the kernel takes the outer tag for the link's, and the inner one, a label
  // or PPPoE for the network header.
  for (const uint32_t ip : {kNetwork, kNetwork + 4, kNetwork + 8}) {
    add(program, BPF_LD | BPF_B | BPF_ABS, ip);
    add(program, BPF_ALU | BPF_RSH | BPF_K, 4);
    for (const auto& [version, part] : {std::pair(4U, for_ipv4(ip)), std::pair(6U, for_ipv6(ip))}) {
      program.push_back(unless(BPF_JEQ, version, part.size()));
      program.insert(program.end(), part.begin(), part.end());
    }
  }
  add(program, BPF_RET | BPF_K, 0);
  return program;
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void join_fanout(std::span<const int> sockets) {
  // The first asks for a group that is nobody else's, the others for its number.
  uint32_t group = (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
  for (const int socket : sockets) {
    if (setsockopt(socket, SOL_PACKET, PACKET_FANOUT, &group, sizeof group) != 0) {
      fail("share packets among captures");
    }
    uint32_t joined = 0;
    socklen_t size = sizeof joined;
    if (getsockopt(socket, SOL_PACKET, PACKET_FANOUT, &joined, &size) != 0) {
      fail("share packets among captures");
    }
    group = (joined & 0xffff) | PACKET_FANOUT_CBPF << 16;
  }
  Program program = flow_program();
  const sock_fprog data{.len = static_cast<unsigned short>(program.size()),
                        .filter = program.data()};
  if (setsockopt(sockets.front(), SOL_PACKET, PACKET_FANOUT_DATA, &data, sizeof data) != 0) {
    fail("share packets among captures by flow");
  }
}

}  // namespace lossgazer
