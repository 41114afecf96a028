#include "capture/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/capture/network_namespace.h"
#include "tests/support/frame_builder.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::FrameBuilder;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::ThrowsMessage;

void make_wire(const std::string& end = "lgcap0", const std::string& far_end = "lgcap1") {
  test::ip("link add " + end + " type veth peer name " + far_end);
  for (const std::string& name : {end, far_end}) {
    test::ip("link set dev " + name + " addrgenmode none up");
  }
}

PipelineConfig config_for(std::vector<std::string> interfaces) {
  PipelineConfig config;
  config.interfaces = std::move(interfaces);
  config.secret = {3, 4};
  config.live.buffer_bytes = uint64_t{2} << 20;
  return config;
}

SourceHealth source_named(const Snapshot& snapshot, std::string_view name) {
  for (const SourceHealth& source : snapshot.health.sources) {
    if (source.name == name) return source;
  }
  return {};
}

uint64_t accounted(const SourceHealth& source) {
  uint64_t sum = source.judged;
  for (const uint64_t ignored : source.ignored) sum += ignored;
  for (const uint64_t unparsed : source.unparsed) sum += unparsed;
  sum += source.dropped[static_cast<size_t>(DropStage::kQueue)];
  return sum + source.dropped[static_cast<size_t>(DropStage::kFlowTable)];
}

// Polls until the condition holds; false if it does not within three seconds.
template <typename Condition>
bool soon(Pipeline& pipeline, Condition condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(3);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    pipeline.poll(milliseconds(20));
  }
  return true;
}

bool captured(Pipeline& pipeline, std::string_view name, uint64_t packets) {
  return soon(pipeline, [&] { return source_named(pipeline.snapshot(), name).packets == packets; });
}

// One of many flows from us to a peer.
FrameBuilder data(uint32_t flow, uint32_t seq) {
  return FrameBuilder()
      .from("192.0.2.1", static_cast<uint16_t>(10'000 + flow))
      .seq(seq)
      .timestamps(seq, 1)
      .payload(100);
}

// Every frame is accounted for, by however many capture threads.
void account_for_every_frame(size_t threads) {
  if (!test::in_new_namespace([threads] {
        make_wire();
        PipelineConfig config = config_for({"lgcap0"});
        config.local = NetworkSet({IpPrefix::parse("192.0.2.0/24").value()});
        config.workers = 3;
        config.live.threads = threads;
        config.live.buffer_bytes *= threads;  // each has a ring that holds all
        Pipeline pipeline(std::move(config));
        pipeline.start();
        EXPECT_EQ(pipeline.not_ready(), std::nullopt);
        const test::FrameInjector wire("lgcap1");
        uint64_t sent = 0;
        const auto send = [&](const FrameBuilder& frame) {
          wire.send(frame.build());
          ++sent;
        };
        for (uint32_t round = 0; round < 100; ++round) {
          for (uint32_t flow = 0; flow < 50; ++flow) send(data(flow, 1 + round * 100));
        }
        for (int i = 0; i < 7; ++i) {
          send(FrameBuilder().from("203.0.113.1", 1).to("203.0.113.2", 2).payload(10));
        }
        for (int i = 0; i < 5; ++i) send(data(0, 1).data_offset(1));
        ASSERT_TRUE(captured(pipeline, "lgcap0", sent))
            << source_named(pipeline.snapshot(), "lgcap0")
                   .dropped[static_cast<size_t>(DropStage::kKernel)]
            << " dropped by the kernel";
        pipeline.stop();

        const Snapshot snapshot = pipeline.snapshot();
        const SourceHealth source = source_named(snapshot, "lgcap0");
        EXPECT_EQ(source.packets, sent);
        EXPECT_EQ(source.judged, 5000U);
        EXPECT_EQ(source.ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)], 7U);
        EXPECT_EQ(source.unparsed[static_cast<size_t>(DecodeStatus::kMalformed)], 5U);
        EXPECT_EQ(accounted(source), sent);
        EXPECT_EQ(source.dropped[static_cast<size_t>(DropStage::kKernel)], 0U);
        EXPECT_TRUE(source.last_packet.has_value());
        ASSERT_EQ(snapshot.peers.size(), 1U);
        EXPECT_EQ(snapshot.peers[0].key.address.to_string(), "198.51.100.7");
        EXPECT_EQ(snapshot.peers[0].counters[0].packets, 5000U);
        EXPECT_EQ(snapshot.peers[0].counters[0].retransmitted_segments, 0U);
        EXPECT_EQ(snapshot.health.workers.size(), 3U);
        EXPECT_EQ(snapshot.health.peers, 1U);
        EXPECT_FALSE(source.up);
        EXPECT_TRUE(pipeline.not_ready());
        EXPECT_EQ(pipeline.not_healthy(), std::nullopt);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, EveryFrameIsAccountedFor) { account_for_every_frame(1); }

TEST(Pipeline, EveryFrameIsAccountedForBySeveralCaptureThreads) { account_for_every_frame(4); }

TEST(Pipeline, OfASampleOfFlowsOnlyThoseAreCountedInAnyFraming) {
  if (!test::in_new_namespace([] {
        make_wire();
        constexpr FlowSample kSample{4};
        PipelineConfig config = config_for({"lgcap0"});
        config.local = NetworkSet({IpPrefix::parse("192.0.2.0/24").value()});
        config.live.sample = kSample;
        config.live.threads = 2;
        Pipeline pipeline(std::move(config));
        pipeline.start();
        const test::FrameInjector wire("lgcap1");
        constexpr uint32_t kFlows = 400;
        uint64_t kept = 0;
        for (uint32_t flow = 0; flow < kFlows; ++flow) {
          const Endpoint us{*IpAddress::parse("192.0.2.1"), static_cast<uint16_t>(10'000 + flow)};
          const Endpoint peer{*IpAddress::parse("198.51.100.7"), 443};
          kept += kSample.keeps(FlowKey::between(us, peer, 0)) ? 3U : 0U;
          wire.send(data(flow, 1).build());
          wire.send(data(flow, 101).gre(9).build());  // not left out by the kernel
          wire.send(data(flow, 201).ip_options(test::Bytes(8, std::byte{1})).build());
        }
        ASSERT_GT(kept, 3 * kFlows / 5);
        ASSERT_LT(kept, 3 * kFlows / 3);
        ASSERT_TRUE(captured(pipeline, "lgcap0", kept));
        pipeline.stop();
        const Snapshot snapshot = pipeline.snapshot();
        const SourceHealth source = source_named(snapshot, "lgcap0");
        EXPECT_EQ(source.packets, kept);
        EXPECT_EQ(accounted(source), kept);
        EXPECT_EQ(snapshot.health.flow_sample, 4U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, StopsWithinASecondOnAQuietInterface) {
  if (!test::in_new_namespace([] {
        make_wire();
        PipelineConfig config = config_for({"lgcap0", "any"});
        config.workers = 4;
        Pipeline pipeline(std::move(config));
        pipeline.start();
        EXPECT_TRUE(source_named(pipeline.snapshot(), "lgcap0").up);
        EXPECT_EQ(source_named(pipeline.snapshot(), "lgcap0").buffer_bytes, uint64_t{2} << 20);
        const auto begin = steady_clock::now();
        pipeline.stop();
        EXPECT_LT(steady_clock::now() - begin, milliseconds(500));
        pipeline.stop();
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, AThreadThatDiesEndsItWithItsNameAndReason) {
  if (!test::in_new_namespace([] {
        make_wire();
        const auto reason_of = [](PipelineConfig config) -> std::string {
          Pipeline pipeline(std::move(config));
          pipeline.start();
          try {
            soon(pipeline, [] { return false; });
          } catch (const std::runtime_error& error) {
            EXPECT_THAT(pipeline.not_healthy().value_or(""), HasSubstr("has died"));
            return error.what();
          }
          return "it goes on";
        };
        PipelineConfig config = config_for({"lgcap0"});
        config.workers = 2;
        config.worker_begins = [] { throw std::bad_alloc(); };
        EXPECT_EQ(reason_of(config), "the thread worker-0 died: std::bad_alloc");
        config.worker_begins = nullptr;
        config.reader_begins = [] { throw std::runtime_error("wait for frames: no memory"); };
        EXPECT_EQ(reason_of(config), "the thread capture-lgcap0 died: wait for frames: no memory");
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, AThreadThatDoesNotGetOnIsToldUntilItDoes) {
  if (!test::in_new_namespace([] {
        make_wire();
        std::atomic<bool> stuck = true;
        const auto wait = [&] {
          while (stuck) std::this_thread::sleep_for(milliseconds(1));
        };
        for (const bool worker : {true, false}) {
          stuck = true;
          PipelineConfig config = config_for({"lgcap0"});
          (worker ? config.worker_begins : config.reader_begins) = wait;
          config.stuck_after = milliseconds(500);
          Pipeline pipeline(std::move(config));
          pipeline.start();
          EXPECT_EQ(pipeline.not_healthy(), std::nullopt);
          EXPECT_TRUE(soon(pipeline, [&] {
            return pipeline.not_healthy() ==
                   std::string(worker ? "the thread worker-0 does not get on"
                                      : "the thread capture-lgcap0 does not get on");
          }));
          stuck = false;
          EXPECT_TRUE(soon(pipeline, [&] { return !pipeline.not_healthy(); }));
        }
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, WakeEndsAPollAtOnce) {
  if (!test::in_new_namespace([] {
        Pipeline pipeline(config_for({"none"}));
        pipeline.start();
        EXPECT_EQ(pipeline.not_ready(), std::nullopt);
        std::thread waker([&] {
          std::this_thread::sleep_for(milliseconds(50));
          pipeline.wake();
        });
        const auto begin = steady_clock::now();
        pipeline.poll(std::chrono::seconds(10));
        EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
        waker.join();
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, AbsentLiteralInterfaceIsAnErrorAtStart) {
  if (!test::in_new_namespace([] {
        Pipeline absent(config_for({"nope0"}));
        EXPECT_THAT([&] { absent.start(); }, ThrowsMessage<std::runtime_error>(HasSubstr(
                                                 "open interface nope0: no such interface")));
        Pipeline unnamed(config_for({}));
        EXPECT_THAT([&] { unnamed.start(); },
                    ThrowsMessage<std::runtime_error>(HasSubstr("no default route")));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, InterfaceThatIsDownIsWaitedFor) {
  if (!test::in_new_namespace([] {
        make_wire();
        test::ip("link set dev lgcap0 down");
        Pipeline pipeline(config_for({"lgcap0"}));
        pipeline.start();
        EXPECT_FALSE(source_named(pipeline.snapshot(), "lgcap0").up);
        EXPECT_THAT(pipeline.not_ready().value_or(""), HasSubstr("lgcap0"));
        test::ip("link set dev lgcap0 up");
        EXPECT_TRUE(soon(pipeline, [&] { return source_named(pipeline.snapshot(), "lgcap0").up; }));
        EXPECT_EQ(source_named(pipeline.snapshot(), "lgcap0").restarts, 0U);
        test::ip("link set dev lgcap0 down");
        EXPECT_TRUE(
            soon(pipeline, [&] { return !source_named(pipeline.snapshot(), "lgcap0").up; }));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, AddressAddedLaterIsOurs) {
  if (!test::in_new_namespace([] {
        make_wire();
        std::vector<std::string> logged;
        PipelineConfig config = config_for({"lgcap0"});
        config.log = [&](LogLevel, std::string_view text) { logged.emplace_back(text); };
        Pipeline pipeline(std::move(config));
        pipeline.start();
        const test::FrameInjector wire("lgcap1");
        for (uint32_t flow = 0; flow < 20; ++flow) wire.send(data(flow, 1).build());
        const auto health = [&] { return source_named(pipeline.snapshot(), "lgcap0"); };
        EXPECT_TRUE(soon(pipeline, [&] {
          return health().ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)] == 20;
        }));
        EXPECT_TRUE(soon(pipeline, [&] { return logged.size() == 2; }));
        EXPECT_THAT(logged, ElementsAre(HasSubstr("capturing on lgcap0"), HasSubstr("--local")));

        test::ip("address add 192.0.2.1/24 dev lgcap0");
        uint32_t flow = 20;
        EXPECT_TRUE(soon(pipeline, [&] {
          wire.send(data(flow++, 1).build());
          return health().judged > 0;
        }));
        EXPECT_EQ(logged.size(), 3U);
        EXPECT_THAT(logged.back(), HasSubstr("our addresses changed"));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, AnIdleTimeMadeShorterEndsFlowsAlreadyKnown) {
  if (!test::in_new_namespace([] {
        make_wire();
        PipelineConfig config = config_for({"lgcap0"});
        config.local = NetworkSet({IpPrefix::parse("192.0.2.0/24").value()});
        config.workers = 2;
        Pipeline pipeline(std::move(config));
        pipeline.start();
        const test::FrameInjector wire("lgcap1");
        for (uint32_t flow = 0; flow < 20; ++flow) wire.send(data(flow, 1).build());
        EXPECT_TRUE(soon(pipeline, [&] { return pipeline.snapshot().health.flows == 20; }));
        pipeline.set_flows_idle(milliseconds(100));
        EXPECT_TRUE(soon(pipeline, [&] { return pipeline.snapshot().health.flows == 0; }));
        const Snapshot snapshot = pipeline.snapshot();
        EXPECT_EQ(snapshot.health.flows_expired[static_cast<size_t>(FlowExpiry::kIdle)], 20U);
        EXPECT_EQ(source_named(snapshot, "lgcap0").judged, 20U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, InterfaceThatComesBackKeepsItsCounts) {
  if (!test::in_new_namespace([] {
        make_wire();
        Pipeline pipeline(config_for({"lgcap0"}));
        pipeline.start();
        test::FrameInjector("lgcap1").send(data(1, 1).build());
        ASSERT_TRUE(captured(pipeline, "lgcap0", 1));
        test::ip("link del dev lgcap0");
        EXPECT_TRUE(soon(pipeline, [&] { return pipeline.not_ready().has_value(); }));
        const SourceHealth gone = source_named(pipeline.snapshot(), "lgcap0");
        EXPECT_FALSE(gone.up);
        EXPECT_EQ(gone.packets, 1U);
        EXPECT_EQ(gone.restarts, 0U);

        make_wire();
        EXPECT_TRUE(soon(pipeline, [&] { return source_named(pipeline.snapshot(), "lgcap0").up; }));
        test::FrameInjector("lgcap1").send(data(1, 101).build());
        EXPECT_TRUE(captured(pipeline, "lgcap0", 2));
        EXPECT_EQ(source_named(pipeline.snapshot(), "lgcap0").restarts, 1U);
        EXPECT_EQ(pipeline.snapshot().health.sources.size(), 1U);
        EXPECT_EQ(pipeline.not_healthy(), std::nullopt);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, InterfaceThatIsRenamedIsNoLongerTheOneAskedFor) {
  if (!test::in_new_namespace([] {
        make_wire();
        Pipeline pipeline(config_for({"lgcap0", "/^lgnew/"}));
        pipeline.start();
        test::FrameInjector("lgcap1").send(data(1, 1).build());
        ASSERT_TRUE(captured(pipeline, "lgcap0", 1));
        try {
          test::ip("link set dev lgcap0 name lgnew0");
        } catch (const std::runtime_error&) {
          GTEST_SKIP() << "needs Linux 6.2, which renames a link that is up";
        }
        EXPECT_TRUE(soon(pipeline, [&] { return source_named(pipeline.snapshot(), "lgnew0").up; }));
        EXPECT_FALSE(source_named(pipeline.snapshot(), "lgcap0").up);
        EXPECT_THAT(pipeline.not_ready().value_or(""), HasSubstr("lgcap0 is not there"));
        test::FrameInjector("lgcap1").send(data(1, 101).build());
        EXPECT_TRUE(captured(pipeline, "lgnew0", 1));

        make_wire("lgcap0", "lgcap2");
        EXPECT_TRUE(soon(pipeline, [&] { return !pipeline.not_ready(); }));
        test::FrameInjector("lgcap2").send(data(2, 1).build());
        EXPECT_TRUE(captured(pipeline, "lgcap0", 2));
        EXPECT_EQ(source_named(pipeline.snapshot(), "lgcap0").restarts, 1U);
        EXPECT_EQ(source_named(pipeline.snapshot(), "lgnew0").packets, 1U);
        EXPECT_EQ(pipeline.not_healthy(), std::nullopt);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, PatternFollowsLinksAndForgetsThemInTheEnd) {
  if (!test::in_new_namespace([] {
        PipelineConfig config = config_for({"/^lgcap0/"});
        config.peers_ttl = milliseconds(500);
        std::vector<std::pair<uint16_t, std::string>> named;
        config.source_named = [&](uint16_t source, const std::string& name) {
          named.emplace_back(source, name);
        };
        Pipeline pipeline(std::move(config));
        pipeline.start();
        EXPECT_THAT(pipeline.not_ready().value_or(""), HasSubstr("no interface matches"));
        make_wire("lgcap0a", "lgcap1a");
        EXPECT_TRUE(soon(pipeline, [&] { return !pipeline.not_ready(); }));
        make_wire("lgcap0b", "lgcap1b");
        EXPECT_TRUE(
            soon(pipeline, [&] { return source_named(pipeline.snapshot(), "lgcap0b").up; }));
        EXPECT_EQ(pipeline.snapshot().health.sources.size(), 2U);
        test::ip("link del dev lgcap0a");
        EXPECT_TRUE(soon(pipeline, [&] { return pipeline.snapshot().health.sources.size() == 1; }));
        make_wire("lgcap0c", "lgcap1c");
        EXPECT_TRUE(
            soon(pipeline, [&] { return source_named(pipeline.snapshot(), "lgcap0c").up; }));
        EXPECT_THAT(named, ElementsAre(Pair(0, "lgcap0a"), Pair(1, "lgcap0b"), Pair(0, "lgcap0c")));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, AnyBindsAFlowToTheInterfaceItWasFirstSeenOn) {
  if (!test::in_new_namespace([] {
        make_wire();
        PipelineConfig config = config_for({"any"});
        config.local = NetworkSet({IpPrefix::parse("192.0.2.0/24").value()});
        Pipeline pipeline(std::move(config));
        pipeline.start();
        const test::FrameInjector wire("lgcap1");
        for (uint32_t i = 0; i < 10; ++i) wire.send(data(1, 1 + i * 100).build());
        ASSERT_TRUE(captured(pipeline, "any", 20));
        pipeline.stop();
        const SourceHealth source = source_named(pipeline.snapshot(), "any");
        EXPECT_EQ(source.judged, 10U);
        EXPECT_EQ(source.ignored[static_cast<size_t>(IgnoreReason::kCopy)], 10U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, OpeningAgainAfterAFailureWaitsLongerEachTime) {
  if (!test::in_new_namespace([] {
        make_wire();
        test::ip("link set dev lgcap0 down");
        std::vector<std::string> logged;
        int tries = 0;
        PipelineConfig config = config_for({"/^lgcap0/"});
        config.open = [&](const LiveConfig&) -> std::vector<PcapSource> {
          ++tries;
          throw std::runtime_error("open interface lgcap0: refused");
        };
        config.log = [&](LogLevel, std::string_view text) { logged.emplace_back(text); };
        Pipeline pipeline(std::move(config));
        pipeline.start();
        test::ip("link set dev lgcap0 up");
        const auto begin = steady_clock::now();
        while (steady_clock::now() - begin < milliseconds(1500)) pipeline.poll(milliseconds(20));
        EXPECT_GE(tries, 3);
        EXPECT_LE(tries, 8);
        EXPECT_THAT(logged, ElementsAre("open interface lgcap0: refused"));
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

uint64_t packets_of(const Snapshot& snapshot) {
  uint64_t sum = 0;
  for (const PeerRow& row : snapshot.peers) {
    sum += row.counters[0].packets + row.counters[1].packets;
  }
  return sum + snapshot.departed[0].packets + snapshot.departed[1].packets;
}

TEST(Pipeline, PeersAndOurEndsMayChangeWhileItRuns) {
  if (!test::in_new_namespace([] {
        make_wire();
        PipelineConfig config = config_for({"lgcap0"});
        config.local = NetworkSet({IpPrefix::parse("192.0.2.0/24").value()});
        config.workers = 2;
        Pipeline pipeline(std::move(config));
        pipeline.start();
        const test::FrameInjector wire("lgcap1");
        uint64_t sent = 0;
        const auto send = [&](const std::string& peer, uint32_t flow) {
          wire.send(data(flow, 1).to(peer, 443).build());
          ++sent;
        };
        const auto names = [&] {
          std::vector<std::string> result;
          for (const PeerRow& row : pipeline.snapshot().peers) {
            result.emplace_back(row.key.kind == PeerKey::Kind::kGroup
                                    ? std::string(row.key.group.view())
                                    : row.key.address.to_string());
          }
          return result;
        };
        for (uint32_t i = 0; i < 10; ++i) {
          for (uint32_t flow = 0; flow < i + 1; ++flow) {
            send("198.51.100.1" + std::to_string(i), flow);
          }
        }
        EXPECT_TRUE(soon(pipeline, [&] { return names().size() == 10; }));
        EXPECT_TRUE(soon(pipeline, [&] { return packets_of(pipeline.snapshot()) == sent; }));

        pipeline.set_peers(
            PeerPolicy({.groups = {{IpPrefix::parse("203.0.113.0/24").value(), "far"}}}), 2,
            std::chrono::minutes(15));
        EXPECT_THAT(names(), ElementsAre("198.51.100.18", "198.51.100.19"))
            << "the lightest ended at once";
        EXPECT_EQ(pipeline.snapshot().health.peer_limit, 2U);
        EXPECT_EQ(packets_of(pipeline.snapshot()), sent);

        pipeline.set_peers(
            PeerPolicy({.groups = {{IpPrefix::parse("203.0.113.0/24").value(), "far"}}}), 500,
            std::chrono::minutes(15));
        uint32_t flow = 100;
        EXPECT_TRUE(soon(pipeline, [&] {
          send("203.0.113." + std::to_string(flow % 200), flow);
          ++flow;
          return names().back() == "far";
        }));

        pipeline.set_local(NetworkSet({IpPrefix::parse("10.0.0.0/8").value()}));
        const auto strangers = [&] {
          return source_named(pipeline.snapshot(), "lgcap0")
              .ignored[static_cast<size_t>(IgnoreReason::kNoLocalEnd)];
        };
        EXPECT_TRUE(soon(pipeline, [&] {
          send("198.51.100.7", flow++);
          return strangers() > 0;
        }));
        pipeline.set_local(std::nullopt);
        test::ip("address add 192.0.2.1/24 dev lgcap0");
        const uint64_t judged = source_named(pipeline.snapshot(), "lgcap0").judged;
        EXPECT_TRUE(soon(pipeline, [&] {
          send("198.51.100.7", flow++);
          return source_named(pipeline.snapshot(), "lgcap0").judged > judged;
        })) << "the addresses are followed again";
        ASSERT_TRUE(captured(pipeline, "lgcap0", sent));
        pipeline.stop();
        const Snapshot snapshot = pipeline.snapshot();
        EXPECT_EQ(packets_of(snapshot), source_named(snapshot, "lgcap0").judged);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

TEST(Pipeline, SnapshotsMayBeTakenFromManyThreads) {
  if (!test::in_new_namespace([] {
        make_wire();
        PipelineConfig config = config_for({"lgcap0"});
        config.local = NetworkSet({IpPrefix::parse("192.0.2.0/24").value()});
        config.workers = 2;
        Pipeline pipeline(std::move(config));
        pipeline.start();
        std::atomic<bool> done = false;
        std::vector<std::thread> scrapers;
        scrapers.reserve(3);
        for (int i = 0; i < 3; ++i) {
          scrapers.emplace_back([&] {
            uint64_t before = 0;
            while (!done) {
              const SourceHealth source = source_named(pipeline.snapshot(), "lgcap0");
              EXPECT_GE(source.packets, before);
              EXPECT_GE(source.packets, accounted(source));
              EXPECT_EQ(pipeline.not_healthy(), std::nullopt);
              std::ignore = pipeline.not_ready();
              before = source.packets;
              std::this_thread::sleep_for(milliseconds(2));
            }
          });
        }
        const test::FrameInjector wire("lgcap1");
        for (uint32_t i = 0; i < 2000; ++i) {
          wire.send(data(i % 20, 1 + i / 20 * 100).build());
          if (i % 100 == 0) pipeline.poll(milliseconds(1));
        }
        EXPECT_TRUE(captured(pipeline, "lgcap0", 2000));
        pipeline.stop();
        done = true;
        for (std::thread& scraper : scrapers) scraper.join();
        EXPECT_EQ(accounted(source_named(pipeline.snapshot(), "lgcap0")), 2000U);
      })) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  }
}

}  // namespace
}  // namespace lossgazer
