// Where frames come from: one interface, or one capture file. The only place that knows libpcap.
// It never decodes a frame and never waits: the caller polls fd().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "analyzer/flow_sample.h"
#include "analyzer/frame.h"

namespace lossgazer {

struct LiveConfig {
  std::string interface;
  uint32_t snaplen = 64;  // bytes kept of an Ethernet/IPv4 packet, 48 or more; see view_filter.h
  uint64_t buffer_bytes = uint64_t{16} << 20;  // the kernel's ring, or rings in all
  bool promiscuous = false;
  std::string user_filter{};  // a libpcap expression, empty for none
  FlowSample sample{};        // which flows are captured
  size_t threads = 1;         // that read the interface, each with a source of its own
};

enum class ReadStatus : uint8_t {
  kMore,  // call again; a live source only when fd() is readable
  kEndOfFile,
  kTruncatedFile,  // the file was cut off; all frames before the cut were handed over
  kInterfaceGone,  // deleted, or no longer readable
};

struct ReadResult {
  ReadStatus status = ReadStatus::kMore;
  std::string message;  // libpcap's, for kTruncatedFile and kInterfaceGone
};

// Since the source was opened.
struct SourceStatistics {
  uint64_t received = 0;         // by the filter, dropped ones included
  uint64_t kernel_drops = 0;     // for want of room in the ring
  uint64_t interface_drops = 0;  // by the network card or its driver, before any filter
};

// Not thread-safe: one thread at a time. It may be opened in one thread and read in another.
class PcapSource {
 public:
  // Starts capturing. Opening needs CAP_NET_RAW; reading needs nothing. `any` captures on all
  // interfaces of the network namespace. As many sources as `config.threads` says, each of which
  // gets both directions of its share of the flows; what is in tunnels comes to the first. Of flows
  // that are not captured some packets come nevertheless: see view_filter.h. Throws
  // std::runtime_error saying what to do about it.
  [[nodiscard]] static std::vector<PcapSource> open_live(const LiveConfig& config);
  // Opens a pcap or pcapng file; "-" is the standard input. Frames that `user_filter` rejects are
  // numbered but not handed over. Throws std::runtime_error if it is no capture file.
  [[nodiscard]] static PcapSource open_file(const std::string& path,
                                            const std::string& user_filter);
  ~PcapSource();
  PcapSource(PcapSource&&) noexcept;
  PcapSource& operator=(PcapSource&&) noexcept;

  // Hands over at most `max_frames` frames that are there already, in order, by calling
  // `handler(const Frame&)`, which must not throw; a Frame lives for that call. Never blocks on a
  // live source. Throws std::runtime_error if a file cannot be read on for any reason but its end.
  template <typename Handler>
  [[nodiscard]] ReadResult read(size_t max_frames, Handler&& handler) {
    using Plain = std::remove_reference_t<Handler>;
    static_assert(std::is_nothrow_invocable_v<Plain&, const Frame&>);
    return read_frames(
        max_frames,
        [](void* context, const Frame& frame) noexcept { (*static_cast<Plain*>(context))(frame); },
        std::addressof(handler));
  }

  [[nodiscard]] LinkType link_type() const;
  // Of a live source: readable when frames are there, or when the interface is gone.
  [[nodiscard]] int fd() const;
  // The interface's index; 0 for a file and for `any`.
  [[nodiscard]] uint32_t ifindex() const;
  // The ring's true size, which libpcap makes smaller than asked for when memory is short. 0 for a
  // file.
  [[nodiscard]] uint64_t buffer_bytes() const;
  // Of a live source. To be called more often than 2^32 frames come.
  [[nodiscard]] SourceStatistics statistics();

 private:
  using FrameFunction = void (*)(void* context, const Frame& frame) noexcept;
  struct State;

  explicit PcapSource(std::unique_ptr<State> state);
  ReadResult read_frames(size_t max_frames, FrameFunction function, void* context);

  std::unique_ptr<State> state_;
};

}  // namespace lossgazer
