#include "capture/pcap_source.h"

#include <fmt/format.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <fstream>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/config_error.h"
#include "capture/drop_watch.h"
#include "capture/interfaces.h"
#include "capture/packet_fanout.h"
#include "capture/view_filter.h"

namespace lossgazer {
namespace {

// How long the kernel may hold a block of the ring back to fill it.
constexpr int kBlockTimeoutMs = 50;

struct ClosePcap {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using PcapHandle = std::unique_ptr<pcap_t, ClosePcap>;

// A program compiled by libpcap, freed with it.
class FilterProgram {
 public:
  FilterProgram() = default;
  ~FilterProgram() { pcap_freecode(&program_); }
  FilterProgram(const FilterProgram&) = delete;
  FilterProgram& operator=(const FilterProgram&) = delete;
  bpf_program* get() { return &program_; }

 private:
  bpf_program program_{};
};

LinkType link_type_of(pcap_t* handle) {
  const int link_type = pcap_datalink(handle);
  switch (link_type) {
    case DLT_EN10MB:
      return LinkType::kEthernet;
    case DLT_LINUX_SLL:
      return LinkType::kLinuxCooked;
    case DLT_LINUX_SLL2:
      return LinkType::kLinuxCookedV2;
    case 12:  // DLT_RAW here and on most systems
    case 14:  // on OpenBSD
    case DLT_IPV4:
    case DLT_IPV6:
      return LinkType::kRawIp;
    case DLT_NULL:
      return LinkType::kNull;
    case DLT_LOOP:
      return LinkType::kLoopback;
    case DLT_PPP:
    case DLT_PPP_SERIAL:
      return LinkType::kPpp;
    case DLT_PPP_ETHER:
      return LinkType::kPppEthernet;
    default: {
      const char* name = pcap_datalink_val_to_name(link_type);
      throw std::runtime_error(fmt::format("its link type, {}, is not one lossgazer reads",
                                           name != nullptr ? name : std::to_string(link_type)));
    }
  }
}

std::string why_not_activated(pcap_t* handle, int status) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return "no such interface; 'ip link' lists those that exist";
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return "it needs the capability CAP_NET_RAW; run it as root, or once 'setcap cap_net_raw+p "
             "$(command -v lossgazer)', or under systemd with AmbientCapabilities=CAP_NET_RAW, or "
             "in a container with --cap-add NET_RAW";
    case PCAP_ERROR_IFACE_NOT_UP:
      return "it is not up; 'ip link set dev NAME up' brings it up";
    default: {
      const std::string detail = pcap_geterr(handle);
      const std::string general = pcap_statustostr(status);
      return detail.empty() || detail == general ? general : general + ": " + detail;
    }
  }
}

// The size of the ring that is mapped from socket `fd`: libpcap does not tell it.
uint64_t mapped_bytes(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return 0;
  const std::string name = fmt::format("socket:[{}]", status.st_ino);
  uint64_t bytes = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(name)) continue;
    size_t length = 0;
    const uint64_t begin = std::stoull(line, &length, 16);
    bytes += std::stoull(line.substr(length + 1), nullptr, 16) - begin;
  }
  return bytes;
}

void install(pcap_t* handle, const std::vector<FilterInstruction>& filter) {
  std::vector<bpf_insn> instructions;
  instructions.reserve(filter.size());
  for (const FilterInstruction& from : filter) {
    instructions.push_back({from.code, from.jump_true, from.jump_false, from.operand});
  }
  bpf_program program{static_cast<u_int>(instructions.size()), instructions.data()};
  if (pcap_setfilter(handle, &program) != 0) throw std::runtime_error(pcap_geterr(handle));
}

// When a frame was captured, as its record says. Classic files have 32 bits for the seconds, which
// libpcap takes for signed: nothing was captured before 1970, so they go to 2106. What pcapng can
// say beyond what a stamp can counts as the last one, and a fraction that is more than a second or
// less than nothing, as the nearest that is none.
CaptureTime stamp_of(const timeval& record, bool nanoseconds) {
  constexpr int64_t kLatestSecond =
      std::chrono::duration_cast<std::chrono::seconds>(kLatestStamp.time_since_epoch()).count();
  constexpr int64_t kWholeSecond = 1'000'000'000;
  int64_t seconds = record.tv_sec;
  if (seconds < 0 && seconds >= std::numeric_limits<int32_t>::min()) seconds += int64_t{1} << 32;
  if (seconds < 0) return kEarliestStamp;
  if (seconds >= kLatestSecond) return kLatestStamp;
  const int64_t unit = nanoseconds ? 1 : 1000;
  const int64_t fraction = std::clamp<int64_t>(record.tv_usec, 0, kWholeSecond / unit - 1) * unit;
  return CaptureTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(fraction));
}

// What a 32-bit counter adds to its 64-bit total.
uint64_t extended(uint64_t total, u_int now) {
  return total + static_cast<u_int>(now - static_cast<u_int>(total));
}

}  // namespace

struct PcapSource::State {
  PcapHandle handle;
  std::string name;
  LinkType link_type = LinkType::kEthernet;
  bool live = false;
  bool nanoseconds = false;
  FilterProgram filter;  // of a file
  bool has_filter = false;
  uint64_t frames = 0;
  uint32_t ifindex = 0;
  uint64_t buffer_bytes = 0;
  uint64_t interface_drops_at_open = 0;
  // What was captured before has come to other sources, too, and is not handed over.
  CaptureTime alone_since = CaptureTime::min();
  SourceStatistics statistics;

  static std::unique_ptr<State> activate(const LiveConfig& config);
  void begin(const LiveConfig& config);
};

PcapSource::PcapSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
PcapSource::~PcapSource() = default;
PcapSource::PcapSource(PcapSource&&) noexcept = default;
PcapSource& PcapSource::operator=(PcapSource&&) noexcept = default;

std::vector<PcapSource> PcapSource::open_live(const LiveConfig& config) {
  try {
    std::vector<PcapSource> sources;
    std::vector<int> sockets;
    sockets.reserve(config.threads);
    for (size_t i = 0; i < config.threads; ++i) {
      sources.push_back(PcapSource(State::activate(config)));
      sockets.push_back(sources.back().fd());
    }
    if (config.threads > 1) {
      join_fanout(sockets);
      const CaptureTime joined = ClockReading::now().wall;
      for (PcapSource& source : sources) source.state_->alone_since = joined;
    }
    for (PcapSource& source : sources) source.state_->begin(config);
    return sources;
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("open interface {}: {}", config.interface, error.what()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("open interface {}: {}", config.interface, error.what()));
  }
}

// Captures, without a filter yet.
std::unique_ptr<PcapSource::State> PcapSource::State::activate(const LiveConfig& config) {
  auto state = std::make_unique<State>();
  state->name = config.interface;
  state->live = true;
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  state->handle.reset(pcap_create(config.interface.c_str(), error.data()));
  pcap_t* handle = state->handle.get();
  if (handle == nullptr) throw std::runtime_error(error.data());
  const auto longest = static_cast<int>(config.snaplen + kViewHeadroom);
  const uint64_t ring = config.buffer_bytes / config.threads;
  pcap_set_snaplen(handle, longest);
  pcap_set_promisc(handle, config.promiscuous ? 1 : 0);
  pcap_set_timeout(handle, kBlockTimeoutMs);
  pcap_set_buffer_size(handle,
                       static_cast<int>(std::min<uint64_t>(ring, std::numeric_limits<int>::max())));
  // Where it is refused, microseconds have to do.
  pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
  const int status = pcap_activate(handle);
  if (status < 0) throw std::runtime_error(why_not_activated(handle, status));
  // The newer cooked header names the interface. Not every cooked interface offers it.
  if (pcap_datalink(handle) == DLT_LINUX_SLL) pcap_set_datalink(handle, DLT_LINUX_SLL2);
  state->link_type = link_type_of(handle);
  state->nanoseconds = pcap_get_tstamp_precision(handle) == PCAP_TSTAMP_PRECISION_NANO;
  if (config.interface != "any") state->ifindex = ::if_nametoindex(config.interface.c_str());
  state->buffer_bytes = mapped_bytes(pcap_fileno(handle));
  if (state->buffer_bytes == 0) state->buffer_bytes = ring;
  return state;
}

void PcapSource::State::begin(const LiveConfig& config) {
  install(handle.get(), compile_view_filter(handle.get(), {.snaplen = config.snaplen,
                                                           .user_filter = config.user_filter,
                                                           .sample = config.sample}));
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  if (pcap_setnonblock(handle.get(), 1, error.data()) != 0) throw std::runtime_error(error.data());
  interface_drops_at_open = interface_drops(ifindex);
}

PcapSource PcapSource::open_file(const std::string& path, const std::string& user_filter) {
  auto state = std::make_unique<State>();
  state->name = path == "-" ? "the standard input" : path;
  state->nanoseconds = true;
  try {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    state->handle.reset(pcap_open_offline_with_tstamp_precision(
        path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error.data()));
    pcap_t* handle = state->handle.get();
    if (handle == nullptr) {
      const std::string_view why = error.data();
      if (why == "unknown file format") throw std::runtime_error("not a pcap or pcapng file");
      if (why.starts_with("truncated dump file; tried to read 4 file header bytes, only got 0")) {
        throw std::runtime_error("it is empty");
      }
      // libpcap begins with the name where the file could not be opened at all.
      const std::string prefix = path + ": ";
      throw std::runtime_error(
          std::string(why.starts_with(prefix) ? why.substr(prefix.size()) : why));
    }
    state->link_type = link_type_of(handle);
    if (!user_filter.empty()) {
      if (pcap_compile(handle, state->filter.get(), user_filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) !=
          0) {
        throw ConfigError(fmt::format("filter '{}': {}", user_filter, pcap_geterr(handle)));
      }
      state->has_filter = true;
    }
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("open {}: {}", state->name, error.what()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("open {}: {}", state->name, error.what()));
  }
  return PcapSource(std::move(state));
}

ReadResult PcapSource::read_frames(size_t max_frames, FrameFunction function, void* context) {
  struct Call {
    State& state;
    FrameFunction function;
    void* context;
  } call{*state_, function, context};
  const auto on_frame = [](u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
    const Call& to = *reinterpret_cast<const Call*>(user);
    State& state = to.state;
    ++state.frames;
    const CaptureTime time = stamp_of(header->ts, state.nanoseconds);
    if (time < state.alone_since) return;
    if (state.has_filter && pcap_offline_filter(state.filter.get(), header, bytes) == 0) return;
    to.function(to.context, {.time = time,
                             .number = state.frames,
                             .wire_length = header->len,
                             .bytes = std::as_bytes(std::span(bytes, header->caplen))});
  };
  constexpr size_t kMost = 1 << 20;
  pcap_t* handle = state_->handle.get();
  const int count = pcap_dispatch(handle, static_cast<int>(std::min(max_frames, kMost)), on_frame,
                                  reinterpret_cast<u_char*>(&call));
  if (count > 0) return {};
  if (count == 0) return {state_->live ? ReadStatus::kMore : ReadStatus::kEndOfFile, {}};
  std::string why = pcap_geterr(handle);
  if (state_->live) return {ReadStatus::kInterfaceGone, std::move(why)};
  if (why.starts_with("truncated")) return {ReadStatus::kTruncatedFile, std::move(why)};
  throw std::runtime_error(
      fmt::format("read {}: after frame {}: {}", state_->name, state_->frames, why));
}

LinkType PcapSource::link_type() const { return state_->link_type; }

int PcapSource::fd() const { return pcap_get_selectable_fd(state_->handle.get()); }

uint32_t PcapSource::ifindex() const { return state_->ifindex; }

uint64_t PcapSource::buffer_bytes() const { return state_->buffer_bytes; }

SourceStatistics PcapSource::statistics() {
  SourceStatistics& total = state_->statistics;
  pcap_stat now{};
  if (state_->live && pcap_stats(state_->handle.get(), &now) == 0) {
    total.received = extended(total.received, now.ps_recv);
    total.kernel_drops = extended(total.kernel_drops, now.ps_drop);
  }
  // ps_ifdrop is the same number, but libpcap reads it only in promiscuous mode.
  const uint64_t dropped = interface_drops(state_->ifindex);
  const uint64_t since_open = dropped - std::min(dropped, state_->interface_drops_at_open);
  total.interface_drops = std::max(total.interface_drops, since_open);
  return total;
}

}  // namespace lossgazer
