// Writes a capture of benchmark traffic: make_capture FILE [--packets N] [--flows N] [--peers N]
// [--loss PER_MILLE] [--churn SEGMENTS] [--snaplen BYTES].
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <string>

#include "tests/bench/bulk_traffic.h"
#include "tests/support/pcap_writer.h"

int main(int count, char** arguments) try {
  using namespace lossgazer;
  std::string file;
  uint64_t packets = 1'000'000;
  uint32_t snaplen = 64;
  bench::TrafficShape shape;
  CLI::App app("Writes a capture of benchmark traffic.");
  app.add_option("FILE", file)->required();
  app.add_option("--packets", packets);
  app.add_option("--flows", shape.flows)->check(CLI::Range(1, 50'000'000));
  app.add_option("--peers", shape.peers)->check(CLI::Range(1, 50'000'000));
  app.add_option("--loss", shape.loss_per_mille);
  app.add_option("--churn", shape.churn);
  app.add_option("--snaplen", snaplen);
  CLI11_PARSE(app, count, arguments);
  std::ofstream out(file, std::ios::binary);
  test::PcapWriter writer(out, LinkType::kEthernet, {.nanoseconds = true, .snaplen = snaplen});
  bench::BulkTraffic traffic(shape);
  for (uint64_t i = 0; i < packets; ++i) {
    const bench::BulkPacket packet = traffic.next();
    writer.write(packet.time, packet.bytes, packet.wire_length);
  }
  out.close();
  if (!out) throw std::runtime_error("write " + file + ": it failed");
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "make_capture: {}\n", error.what());
  return 1;
}
