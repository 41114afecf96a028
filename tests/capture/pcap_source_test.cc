#include "capture/pcap_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "analyzer/decode.h"
#include "tests/capture/network_namespace.h"
#include "tests/support/frame_builder.h"
#include "tests/support/pcap_writer.h"

namespace lossgazer {
namespace {

using test::Bytes;
using test::FrameBuilder;
using test::PcapFormat;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Seen {
  uint64_t number;
  CaptureTime time;
  uint32_t wire_length;
  Bytes bytes;
};

// Reads until there is no more, or `wanted` frames are there.
ReadResult read_all(PcapSource& source, std::vector<Seen>& seen, size_t max_frames = 1000) {
  for (;;) {
    ReadResult result = source.read(max_frames, [&](const Frame& frame) noexcept {
      seen.push_back(
          {frame.number, frame.time, frame.wire_length, {frame.bytes.begin(), frame.bytes.end()}});
    });
    if (result.status != ReadStatus::kMore) return result;
  }
}

std::vector<uint64_t> numbers(const std::vector<Seen>& seen) {
  std::vector<uint64_t> all;
  all.reserve(seen.size());
  for (const Seen& one : seen) all.push_back(one.number);
  return all;
}

constexpr CaptureTime kNoon{std::chrono::seconds(1'790'000'000)};

std::string three_frames(PcapFormat format) {
  std::ostringstream out;
  test::PcapWriter writer(out, LinkType::kEthernet, format);
  writer.write(kNoon + std::chrono::nanoseconds(123'456'000), FrameBuilder().payload(10).build());
  writer.write(kNoon + std::chrono::seconds(1),
               FrameBuilder().to("198.51.100.7", 80).payload(20).build());
  writer.write(kNoon + std::chrono::seconds(2), FrameBuilder().payload(30).build());
  return out.str();
}

class CaptureFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "capture_file_test.XXXXXX";
    const int fd = ::mkstemp(name.data());
    ASSERT_GE(fd, 0);
    ::close(fd);
    path_ = name;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void write(const std::string& content) const {
    std::ofstream(path_, std::ios::binary) << content;
  }
  [[nodiscard]] PcapSource open(const std::string& user_filter = "") const {
    return PcapSource::open_file(path_, user_filter);
  }
  [[nodiscard]] std::string error(const std::string& user_filter = "") const {
    try {
      std::ignore = open(user_filter);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }

  std::string path_;
};

TEST_F(CaptureFile, EveryFormatIsRead) {
  for (const PcapFormat format :
       {PcapFormat{}, PcapFormat{.big_endian = true}, PcapFormat{.nanoseconds = true},
        PcapFormat{.nanoseconds = true, .big_endian = true}, PcapFormat{.pcapng = true}}) {
    write(three_frames(format));
    PcapSource source = open();
    EXPECT_EQ(source.link_type(), LinkType::kEthernet);
    std::vector<Seen> seen;
    EXPECT_EQ(read_all(source, seen).status, ReadStatus::kEndOfFile);
    ASSERT_THAT(numbers(seen), ElementsAre(1, 2, 3));
    EXPECT_EQ(seen[0].time, kNoon + std::chrono::nanoseconds(123'456'000));
    EXPECT_EQ(seen[0].bytes, FrameBuilder().payload(10).build());
    EXPECT_EQ(seen[2].time, kNoon + std::chrono::seconds(2));
    EXPECT_EQ(seen[2].wire_length, 84U);
  }
}

TEST_F(CaptureFile, NanosecondsAreKept) {
  std::ostringstream out;
  test::PcapWriter(out, LinkType::kEthernet, {.nanoseconds = true})
      .write(kNoon + std::chrono::nanoseconds(987'654'321), FrameBuilder().build());
  write(out.str());
  PcapSource source = open();
  std::vector<Seen> seen;
  EXPECT_EQ(read_all(source, seen).status, ReadStatus::kEndOfFile);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].time, kNoon + std::chrono::nanoseconds(987'654'321));
}

std::string one_frame(CaptureTime time, PcapFormat format) {
  std::ostringstream out;
  test::PcapWriter(out, LinkType::kEthernet, format).write(time, FrameBuilder().build());
  return out.str();
}

TEST_F(CaptureFile, StampsGoFrom1970To2116) {
  const auto stamp = [&](const std::string& bytes) {
    write(bytes);
    PcapSource source = open();
    std::vector<Seen> seen;
    EXPECT_EQ(read_all(source, seen).status, ReadStatus::kEndOfFile);
    return seen.size() == 1 ? seen[0].time : CaptureTime::min();
  };
  using std::chrono::seconds;
  for (const int64_t second :
       {int64_t{0}, int64_t{1}, int64_t{0x7fffffff}, int64_t{0x80000000}, int64_t{0xffffffff}}) {
    const CaptureTime time{seconds(second)};
    EXPECT_EQ(stamp(one_frame(time, {})), time);
    EXPECT_EQ(stamp(one_frame(time, {.nanoseconds = true, .big_endian = true})), time);
    EXPECT_EQ(stamp(one_frame(time, {.pcapng = true})), time);
  }
  const PcapFormat pcapng{.pcapng = true};
  EXPECT_EQ(stamp(one_frame(kLatestStamp - seconds(1), pcapng)), kLatestStamp - seconds(1));
  EXPECT_EQ(stamp(one_frame(CaptureTime::max(), pcapng)), kLatestStamp);
  EXPECT_EQ(stamp(one_frame(CaptureTime(Duration(-1)), pcapng)), kLatestStamp)
      << "64 bits without a sign";
}

// Such as one byte wrong makes of a record.
TEST_F(CaptureFile, FractionsThatAreNoneStayWithinTheirSecond) {
  constexpr size_t kFraction = 24 + 4;
  for (const bool nanoseconds : {false, true}) {
    for (const char high : {'\x40', '\x7f', '\x80', '\xff'}) {
      std::string bytes = one_frame(kNoon, {.nanoseconds = nanoseconds});
      bytes[kFraction + 3] = high;
      write(bytes);
      PcapSource source = open();
      std::vector<Seen> seen;
      EXPECT_EQ(read_all(source, seen).status, ReadStatus::kEndOfFile);
      ASSERT_EQ(seen.size(), 1U);
      EXPECT_GE(seen[0].time, kNoon);
      EXPECT_LT(seen[0].time, kNoon + std::chrono::seconds(1));
    }
  }
}

TEST_F(CaptureFile, ReadsNoMoreAtOnceThanTold) {
  write(three_frames({}));
  PcapSource source = open();
  size_t frames = 0;
  const ReadResult result = source.read(2, [&](const Frame&) noexcept { ++frames; });
  EXPECT_EQ(result.status, ReadStatus::kMore);
  EXPECT_EQ(frames, 2U);
}

TEST_F(CaptureFile, EveryLinkTypeIsKnown) {
  for (const LinkType type :
       {LinkType::kEthernet, LinkType::kLinuxCooked, LinkType::kLinuxCookedV2, LinkType::kRawIp,
        LinkType::kNull, LinkType::kLoopback, LinkType::kPpp, LinkType::kPppEthernet}) {
    std::ostringstream out;
    test::PcapWriter(out, type).write(kNoon, FrameBuilder().link(type).build());
    write(out.str());
    EXPECT_EQ(open().link_type(), type);
  }
}

TEST_F(CaptureFile, UnknownLinkTypeIsNamed) {
  std::string content = three_frames({});
  content[20] = 105;  // LINKTYPE_IEEE802_11
  write(content);
  EXPECT_EQ(error(), "open " + path_ + ": its link type, IEEE802_11, is not one lossgazer reads");
}

TEST_F(CaptureFile, FramesAreNumberedBeforeTheUserFilter) {
  write(three_frames({}));
  PcapSource source = open("port 443");
  std::vector<Seen> seen;
  EXPECT_EQ(read_all(source, seen).status, ReadStatus::kEndOfFile);
  EXPECT_THAT(numbers(seen), ElementsAre(1, 3));
}

TEST_F(CaptureFile, WrongUserFilterIsAnError) {
  write(three_frames({}));
  EXPECT_THAT(error("porto 443"), StartsWith("open " + path_ + ": filter 'porto 443': "));
}

TEST_F(CaptureFile, CutOffFileGivesAllFramesBeforeTheCut) {
  for (const PcapFormat format : {PcapFormat{}, PcapFormat{.pcapng = true}}) {
    const std::string whole = three_frames(format);
    for (const size_t cut : {size_t{5}, size_t{80}}) {
      write(whole.substr(0, whole.size() - cut));
      PcapSource source = open();
      std::vector<Seen> seen;
      const ReadResult result = read_all(source, seen);
      EXPECT_EQ(result.status, ReadStatus::kTruncatedFile);
      EXPECT_THAT(result.message, HasSubstr("truncated"));
      EXPECT_THAT(numbers(seen), ElementsAre(1, 2));
    }
  }
}

TEST_F(CaptureFile, EmptyFileIsAnError) { EXPECT_EQ(error(), "open " + path_ + ": it is empty"); }

TEST_F(CaptureFile, FileThatIsNoCaptureIsAnError) {
  write(std::string(200, 'x'));
  EXPECT_EQ(error(), "open " + path_ + ": not a pcap or pcapng file");
  write("ab");
  EXPECT_THAT(error(), StartsWith("open " + path_ + ": truncated"));
}

TEST_F(CaptureFile, AbsentFileIsAnError) {
  std::filesystem::remove(path_);
  EXPECT_EQ(error(), "open " + path_ + ": No such file or directory");
}

TEST_F(CaptureFile, DirectoryIsAnError) {
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(error(), HasSubstr("Is a directory"));
}

TEST_F(CaptureFile, InterfacesOfDifferentLinkTypesAreAnErrorNotACut) {
  std::string content = three_frames({.pcapng = true});
  // A second interface description: raw IP, snapshot length 262144.
  const Bytes description = test::hex("01000000 14000000 6500 0000 00000400 14000000");
  for (const std::byte byte : description) content.push_back(static_cast<char>(byte));
  write(content);
  PcapSource source = open();
  std::vector<Seen> seen;
  try {
    std::ignore = read_all(source, seen);
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), StartsWith("read " + path_ + ": after frame 3: "));
    EXPECT_THAT(error.what(), HasSubstr("different from the type"));
  }
}

TEST_F(CaptureFile, StandardInputIsReadToItsEnd) {
  write(three_frames({.nanoseconds = true}));
  const int saved = ::dup(STDIN_FILENO);
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  ::dup2(file, STDIN_FILENO);
  ::close(file);
  std::vector<Seen> seen;
  {
    PcapSource source = PcapSource::open_file("-", "");
    EXPECT_EQ(read_all(source, seen).status, ReadStatus::kEndOfFile);
  }
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  EXPECT_THAT(numbers(seen), ElementsAre(1, 2, 3));
}

std::string live_error(const LiveConfig& config) {
  try {
    std::ignore = PcapSource::open_live(config);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

PcapSource open_one(const LiveConfig& config) {
  std::vector<PcapSource> sources = PcapSource::open_live(config);
  EXPECT_EQ(sources.size(), 1U);
  return std::move(sources.front());
}

// Two interfaces of a namespace, what goes into the one coming out of the other.
void make_wire() {
  test::ip("link add lgcap0 type veth peer name lgcap1");
  for (const std::string end : {"lgcap0", "lgcap1"}) {
    test::ip("link set dev " + end + " addrgenmode none up");
  }
}

// Reads for a second at most, until `wanted` frames are there or the source ended.
ReadResult read_live(PcapSource& source, std::vector<Seen>& seen, size_t wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (seen.size() < wanted && std::chrono::steady_clock::now() < deadline) {
    pollfd waited_for{.fd = source.fd(), .events = POLLIN, .revents = 0};
    ::poll(&waited_for, 1, 100);
    ReadResult result = source.read(1000, [&](const Frame& frame) noexcept {
      seen.push_back(
          {frame.number, frame.time, frame.wire_length, {frame.bytes.begin(), frame.bytes.end()}});
    });
    if (result.status != ReadStatus::kMore) return result;
  }
  return {};
}

TEST(LiveSource, AbsentInterfaceIsNamed) {
  if (!test::in_new_namespace([] {
        EXPECT_EQ(live_error({.interface = "nope0"}),
                  "open interface nope0: no such interface; 'ip link' lists those that exist");
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, WrongUserFilterIsNamed) {
  if (!test::in_new_namespace([] {
        EXPECT_THAT(live_error({.interface = "lo", .user_filter = "tcp port"}),
                    StartsWith("open interface lo: filter 'tcp port': "));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, KeepsTheViewOfEachFraming) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "lgcap0"});
        EXPECT_EQ(source.link_type(), LinkType::kEthernet);
        EXPECT_GT(source.ifindex(), 0U);
        const test::FrameInjector wire("lgcap1");
        const FrameBuilder data = FrameBuilder().timestamps(7, 6).payload(1000);
        const auto v6 = [&] {
          return FrameBuilder(data).from("2001:db8::1", 1).to("2001:db8::2", 2);
        };
        wire.send(FrameBuilder(data).build());
        wire.send(v6().build());
        wire.send(FrameBuilder(data).vlan(5).build());
        wire.send(FrameBuilder(data).vlan(5).vlan(6).build());
        wire.send(FrameBuilder(data).vxlan(42).build());
        wire.send(FrameBuilder().protocol(17).payload(100).build());
        wire.send(FrameBuilder().timestamps(7, 6).sack({{1, 2}, {3, 4}}).build());
        std::vector<Seen> seen;
        EXPECT_EQ(read_live(source, seen, 6).status, ReadStatus::kMore);
        EXPECT_THAT(numbers(seen), ElementsAre(1, 2, 3, 4, 5, 6));
        std::vector<size_t> kept;
        kept.reserve(seen.size());
        for (const Seen& one : seen) kept.push_back(one.bytes.size());
        EXPECT_THAT(kept, ElementsAre(64, 84, 68, 72, 114, 86));
        EXPECT_EQ(seen[2].bytes, FrameBuilder(data).vlan(5).truncated(68));
        EXPECT_EQ(seen[2].wire_length, 1070U);
        // 2020-09-13 or later: it is the time of day.
        EXPECT_GT(seen[0].time, CaptureTime(std::chrono::seconds(1'600'000'000)));
        const SourceStatistics statistics = source.statistics();
        EXPECT_EQ(statistics.received, 6U);
        EXPECT_EQ(statistics.kernel_drops, 0U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, UserFilterFollowsTagsThatTheKernelTookOff) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "lgcap0", .user_filter = "vlan 5 and port 443"});
        const test::FrameInjector wire("lgcap1");
        wire.send(FrameBuilder().build());
        wire.send(FrameBuilder().vlan(6).build());
        wire.send(FrameBuilder().vlan(5).build());
        std::vector<Seen> seen;
        EXPECT_EQ(read_live(source, seen, 1).status, ReadStatus::kMore);
        ASSERT_EQ(seen.size(), 1U);
        EXPECT_EQ(seen[0].bytes, FrameBuilder().vlan(5).build());
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, UserFilterFindsTaggedPacketsWithoutNamingTags) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "lgcap0", .user_filter = "port 443"});
        const test::FrameInjector wire("lgcap1");
        wire.send(FrameBuilder().build());
        wire.send(FrameBuilder().vlan(5).build());
        wire.send(FrameBuilder().vlan(5).to("198.51.100.7", 80).build());
        wire.send(FrameBuilder().vlan(5).vlan(6).to("198.51.100.7", 80).build());
        wire.send(FrameBuilder().vlan(5).vlan(6).build());
        std::vector<Seen> seen;
        std::ignore = read_live(source, seen, 3);
        ASSERT_EQ(seen.size(), 3U);
        EXPECT_EQ(seen[1].bytes, FrameBuilder().vlan(5).build());
        EXPECT_EQ(seen[2].bytes, FrameBuilder().vlan(5).vlan(6).build());
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, AnyKeepsTheSameViewBehindItsLongerHeader) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "any"});
        EXPECT_EQ(source.link_type(), LinkType::kLinuxCookedV2);
        EXPECT_EQ(source.ifindex(), 0U);
        test::FrameInjector("lgcap1").send(FrameBuilder().timestamps(7, 6).payload(1000).build());
        std::vector<Seen> seen;
        std::ignore = read_live(source, seen, 2);  // as it leaves, and as it arrives
        ASSERT_EQ(seen.size(), 2U);
        EXPECT_EQ(seen[0].bytes.size(), 70U);
        EXPECT_EQ(seen[1].bytes.size(), 70U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

// Which sources each flow came to, and any, and how many packets came in all.
struct Shared {
  std::map<std::string, std::set<size_t>> sources_of_flow;
  std::set<size_t> sources;
  size_t packets = 0;
};

Shared read_shared(std::vector<PcapSource>& sources, size_t wanted) {
  Shared shared;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (shared.packets < wanted && std::chrono::steady_clock::now() < deadline) {
    for (size_t i = 0; i < sources.size(); ++i) {
      std::vector<Seen> seen;
      pollfd waited_for{.fd = sources[i].fd(), .events = POLLIN, .revents = 0};
      ::poll(&waited_for, 1, 20);
      std::ignore = sources[i].read(10'000, [&](const Frame& frame) noexcept {
        Segment segment;
        EXPECT_EQ(decode(frame, sources[i].link_type(), {}, segment), DecodeStatus::kOk);
        const FlowKey& key = segment.key;
        shared
            .sources_of_flow[fmt::format("{} {} {} {}", key.low_address.to_string(), key.low_port,
                                         key.high_address.to_string(), key.high_port)]
            .insert(i);
        shared.sources.insert(i);
        ++shared.packets;
      });
    }
  }
  return shared;
}

TEST(LiveSource, SourcesOfOneInterfaceShareItsFlowsAndEachFlowStaysWhole) {
  if (!test::in_new_namespace([] {
        make_wire();
        const test::FrameInjector wire("lgcap1");
        const test::FrameInjector back("lgcap0");
        constexpr uint16_t kFlows = 200;
        const auto send_all = [&](const FrameBuilder& framing, bool v6) {
          for (uint16_t flow = 0; flow < kFlows; ++flow) {
            FrameBuilder frame = framing;
            frame.from(v6 ? "2001:db8::1" : "192.0.2.1", static_cast<uint16_t>(20'000 + flow));
            frame.to(v6 ? "2001:db8::7" : "198.51.100.7", 443).payload(100);
            wire.send(frame.build());
            back.send(frame.reversed().build());
          }
          return size_t{2} * kFlows;
        };
        for (const std::string interface : {"lgcap0", "any"}) {
          SCOPED_TRACE(interface);
          const size_t copies = interface == "any" ? 2 : 1;  // as it leaves and as it arrives
          std::vector<PcapSource> sources = PcapSource::open_live(
              {.interface = interface, .buffer_bytes = uint64_t{12} << 20, .threads = 3});
          ASSERT_EQ(sources.size(), 3U);
          EXPECT_EQ(sources[0].buffer_bytes(), uint64_t{4} << 20);
          std::vector<FrameBuilder> framings = {FrameBuilder()};
          if (interface != "any") {
            framings.push_back(FrameBuilder().vlan(5));
            framings.push_back(FrameBuilder().vlan(5).vlan(6));
            framings.push_back(FrameBuilder().pppoe(1));
          }
          for (const FrameBuilder& framing : framings) {
            for (const bool v6 : {false, true}) {
              const size_t sent = send_all(framing, v6) * copies;
              const Shared shared = read_shared(sources, sent);
              EXPECT_EQ(shared.packets, sent);
              EXPECT_EQ(shared.sources_of_flow.size(), kFlows);
              EXPECT_EQ(shared.sources.size(), 3U);
              for (const auto& [flow, of] : shared.sources_of_flow)
                EXPECT_EQ(of.size(), 1U) << flow;
            }
          }
          const size_t tunnelled = send_all(FrameBuilder().vxlan(42), true) * copies;
          const Shared tunnels = read_shared(sources, tunnelled);
          EXPECT_EQ(tunnels.packets, tunnelled);
          EXPECT_THAT(tunnels.sources, ElementsAre(0));
          for (PcapSource& source : sources) EXPECT_EQ(source.statistics().kernel_drops, 0U);
        }
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

// While they are opened, packets come all the time: each is handed over once at the most.
TEST(LiveSource, SourcesOfOneInterfaceNeverHandOverAPacketTwice) {
  if (!test::in_new_namespace([] {
        make_wire();
        std::atomic<bool> ends = false;
        std::thread sender([&] {
          const test::FrameInjector wire("lgcap1");
          for (uint32_t seq = 0; !ends; ++seq) {
            wire.send(FrameBuilder()
                          .from("192.0.2.1", static_cast<uint16_t>(20'000 + seq % 50))
                          .seq(seq)
                          .payload(100)
                          .build());
          }
        });
        std::map<uint32_t, size_t> times;
        for (int round = 0; round < 5; ++round) {
          times.clear();
          std::vector<PcapSource> sources =
              PcapSource::open_live({.interface = "lgcap0", .threads = 4});
          const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
          while (std::chrono::steady_clock::now() < deadline) {
            for (PcapSource& source : sources) {
              std::ignore = source.read(10'000, [&](const Frame& frame) noexcept {
                Segment segment;
                EXPECT_EQ(decode(frame, source.link_type(), {}, segment), DecodeStatus::kOk);
                ++times[segment.seq.raw()];
              });
            }
          }
          EXPECT_GT(times.size(), 0U);
          for (const auto& [seq, count] : times) ASSERT_EQ(count, 1U) << seq;
        }
        ends = true;
        sender.join();
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, RingHasTheSizeAskedFor) {
  if (!test::in_new_namespace([] {
        const PcapSource source = open_one({.interface = "lo", .buffer_bytes = uint64_t{4} << 20});
        EXPECT_EQ(source.buffer_bytes(), uint64_t{4} << 20);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, FullRingIsCounted) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "lgcap0", .buffer_bytes = uint64_t{256} << 10});
        const test::FrameInjector wire("lgcap1");
        const Bytes frame = FrameBuilder().payload(1000).build();
        constexpr size_t kSent = 20'000;
        for (size_t i = 0; i < kSent; ++i) wire.send(frame);
        std::vector<Seen> seen;
        std::ignore = read_live(source, seen, kSent);
        const SourceStatistics statistics = source.statistics();
        EXPECT_EQ(statistics.received, kSent);
        EXPECT_GT(statistics.kernel_drops, 0U);
        EXPECT_EQ(statistics.received, seen.size() + statistics.kernel_drops);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, SurvivesLinkDownAndUp) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "lgcap0"});
        test::ip("link set dev lgcap0 down");
        std::vector<Seen> seen;
        EXPECT_EQ(read_live(source, seen, 1).status, ReadStatus::kMore);
        test::ip("link set dev lgcap0 up");
        // A worker of the kernel's puts the far end's queue back some time after the carrier: until
        // then what is sent is swallowed, without an error. So one frame may not be enough.
        const test::FrameInjector wire("lgcap1");
        for (int tries = 0; tries < 20 && seen.empty(); ++tries) {
          wire.send(FrameBuilder().build());
          EXPECT_EQ(read_live(source, seen, 1).status, ReadStatus::kMore);
        }
        EXPECT_FALSE(seen.empty());
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(LiveSource, DeletedInterfaceIsGone) {
  if (!test::in_new_namespace([] {
        make_wire();
        PcapSource source = open_one({.interface = "lgcap0"});
        test::ip("link del dev lgcap0");
        std::vector<Seen> seen;
        const ReadResult result = read_live(source, seen, 1);
        EXPECT_EQ(result.status, ReadStatus::kInterfaceGone);
        EXPECT_THAT(result.message, HasSubstr("disappeared"));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

}  // namespace
}  // namespace lossgazer
