// The reference: libpcap alone, counting. `bare_counter FILE`, or `bare_counter -i INTERFACE`,
// which takes the same buffer and snapshot length as lossgazer, and ends with SIGTERM. Prints how
// many packets and bytes there were, and how many the kernel dropped.
#include <pcap/pcap.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

struct Counts {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

pcap_t* reading = nullptr;

void count(u_char* user, const pcap_pkthdr* header, const u_char* /*bytes*/) {
  Counts& counts = *reinterpret_cast<Counts*>(user);
  ++counts.packets;
  counts.bytes += header->len;
}

pcap_t* open_interface(const char* name, char* error) {
  pcap_t* handle = pcap_create(name, error);
  if (handle == nullptr) return nullptr;
  pcap_set_snaplen(handle, 64);
  pcap_set_timeout(handle, 100);
  pcap_set_buffer_size(handle, 16 << 20);
  if (pcap_activate(handle) < 0) {
    std::snprintf(error, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(handle));
    pcap_close(handle);
    return nullptr;
  }
  bpf_program filter{};
  if (pcap_compile(handle, &filter, "tcp", 1, PCAP_NETMASK_UNKNOWN) == 0) {
    pcap_setfilter(handle, &filter);
    pcap_freecode(&filter);
  }
  return handle;
}

}  // namespace

int main(int arguments, char** argument) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  const bool live = arguments == 3 && std::strcmp(argument[1], "-i") == 0;
  if (!live && arguments != 2) {
    std::fprintf(stderr, "usage: bare_counter FILE | -i INTERFACE\n");
    return 2;
  }
  reading = live ? open_interface(argument[2], error.data())
                 : pcap_open_offline(argument[1], error.data());
  if (reading == nullptr) {
    std::fprintf(stderr, "bare_counter: %s\n", error.data());
    return 1;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { pcap_breakloop(reading); };  // and interrupts the wait
  sigaction(SIGTERM, &action, nullptr);
  Counts counts;
  pcap_loop(reading, -1, count, reinterpret_cast<u_char*>(&counts));
  pcap_stat statistics{};
  if (live) pcap_stats(reading, &statistics);
  std::printf("%llu packets, %llu bytes, %u dropped\n",
              static_cast<unsigned long long>(counts.packets),
              static_cast<unsigned long long>(counts.bytes), statistics.ps_drop);
  pcap_close(reading);
  return 0;
}
