// Writes a corpus to begin fuzzing decode() from: one file for each framing, in the form that
// decode_fuzz.cc reads. Usage: decode_seeds FOLDER
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/frame_builder.h"

namespace lossgazer::test {
namespace {

struct Seed {
  FrameBuilder builder;
  LinkType type = LinkType::kEthernet;
};

std::vector<Seed> seeds() {
  const FrameBuilder v4 = FrameBuilder().timestamps(1, 2).sack({{10, 20}, {30, 40}}).payload(4);
  const FrameBuilder v6 = FrameBuilder(v4).from("2001:db8::1", 40000).to("2001:db8::7", 443);
  const FrameBuilder syn =
      FrameBuilder().flags(0x02).mss(1460).sack_permitted().nop().window_scale(7);
  return {
      {v4},
      {v6},
      {syn},
      {v4, LinkType::kLinuxCooked},
      {v4, LinkType::kLinuxCookedV2},
      {v6, LinkType::kRawIp},
      {v4, LinkType::kNull},
      {v6, LinkType::kLoopback},
      {v4, LinkType::kPpp},
      {v6, LinkType::kPppEthernet},
      {FrameBuilder(v4).vlan(7, 0x88a8).vlan(5)},
      {FrameBuilder(v4).pppoe(1)},
      {FrameBuilder(v4).mpls({16, 17})},
      {FrameBuilder(v4).ip_in_ip()},
      {FrameBuilder(v6).ip_in_ip()},
      {FrameBuilder(v4).outer_v6().ip_in_ip()},
      {FrameBuilder(v4).gre_flags(0xb000, 42)},
      {FrameBuilder(v4).gre_ethernet(42).vlan(5)},
      {FrameBuilder(v4).vxlan(42)},
      {FrameBuilder(v4).geneve(42, 2)},
      {FrameBuilder(v4).ip_options(hex("94040000"))},
      {FrameBuilder(v4).fragment(0, true)},
      {FrameBuilder(v4).zero_ip_length()},
      {FrameBuilder(v6)
           .extension(0, hex("00 00 0104 00000000"))
           .extension(51, hex("00 04 0000 00000001 00000001 000000000000000000000000"))
           .extension(44, hex("00 00 0001 00000005"))},
  };
}

void write_seeds(const std::string& folder) {
  size_t number = 0;
  for (const Seed& seed : seeds()) {
    Bytes input = {static_cast<std::byte>(seed.type), std::byte{0}, std::byte{0}};
    put(input, FrameBuilder(seed.builder).link(seed.type, 3).build());
    std::ofstream file(folder + "/" + std::to_string(number++), std::ios::binary);
    file.exceptions(std::ios::failbit | std::ios::badbit);
    for (const std::byte byte : input) file.put(std::to_integer<char>(byte));
  }
}

}  // namespace
}  // namespace lossgazer::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: decode_seeds FOLDER\n", stderr);
    return 2;
  }
  try {
    lossgazer::test::write_seeds(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "decode_seeds: writing to %s: %s\n", argv[1], error.what());
    return 1;
  }
  return 0;
}
