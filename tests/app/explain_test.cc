// `lossgazer report --explain`: what it says of packets whose story is known.

#include "app/explain.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "app/report.h"
#include "tests/support/frame_builder.h"
#include "tests/support/pcap_writer.h"

namespace lossgazer {
namespace {

using test::FrameBuilder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr CaptureTime kStart{1'700'000'000s};

// 198.51.100.7 sends to 192.0.2.1, and each test says what was captured.
class Explanation : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        std::filesystem::temp_directory_path() / ("lossgazer-explain-" + std::to_string(getpid()));
    file_.open(path_, std::ios::binary);
    writer_.emplace(file_, LinkType::kEthernet,
                    test::PcapFormat{.nanoseconds = true, .snaplen = 128});
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void sent(Duration at, uint32_t seq, uint32_t tsval, size_t length = 1000) {
    write(at, FrameBuilder().reversed().seq(seq).ack(1).timestamps(tsval, 1).payload(length));
  }
  void acked(Duration at, uint32_t number, uint32_t tsecr = 100) {
    write(at, FrameBuilder().ack(number).timestamps(1, tsecr));
  }
  void write(Duration at, FrameBuilder frame) { writer_->write(kStart + at, frame.build()); }

  std::string explain(uint64_t frame, const char* local = "192.0.2.1") {
    file_.flush();
    Options options;
    options.command = Options::Command::kReport;
    options.report.files = {path_};
    options.report.explain = frame;
    options.analyzer.local = {*IpPrefix::parse(local)};
    std::ostringstream out;
    std::ostringstream warnings;
    run_report(options, out, warnings);
    return out.str();
  }

 private:
  std::filesystem::path path_;
  std::ofstream file_;
  std::optional<test::PcapWriter> writer_;
};

TEST_F(Explanation, LossBeforeTheCaptureIsToldWithGapOpenerAndNumbers) {
  sent(0ms, 1, 100);
  sent(1ms, 2001, 100);  // opens the gap
  acked(2ms, 1001);
  acked(3ms, 1001);
  sent(40ms, 1001, 140);
  acked(41ms, 3001, 140);
  EXPECT_EQ(
      explain(5),
      "Frame 5, 2023-11-14T22:13:20.040000000Z: 198.51.100.7 port 443 to 192.0.2.1 port "
      "40000, seq 1001, 1000 bytes, ack 1, IP-ID 0, TSval 140\n"
      "Verdict: retransmission, by tsval; the first copy was lost before the capture point, "
      "side peer\n"
      "\n"
      "Before it\n"
      "  Its sender had sent up to 2000 bytes beyond its first one (frame 2, 39.0 ms "
      "before).\n"
      "  Its bytes were not captured before. They lie in a gap of 1000 bytes that was opened "
      "1.0 ms after frame 1 (frame 2, 39.0 ms before).\n"
      "  Its receiver had acknowledged all up to it (frame 4, 37.0 ms before), and said so once "
      "more.\n"
      "\n"
      "What decided\n"
      "  Its TSval is 140, that of the one that opened the gap (frame 2, 39.0 ms before) is "
      "100: it was sent later.\n"
      "\n"
      "After it\n"
      "  It was acknowledged (frame 6, 1.0 ms later, TSecr 140).\n"
      "\n"
      "Wireshark's rule\n"
      "  It calls this tcp.analysis.retransmission.\n");
}

TEST_F(Explanation, LateOriginalIsToldApartFromWhatWiresharkTakesItFor) {
  sent(0ms, 1, 100);
  sent(1ms, 2001, 101);
  sent(9ms, 1001, 100);
  EXPECT_THAT(explain(3),
              AllOf(HasSubstr("Verdict: reordered, by tsval\n"),
                    HasSubstr("Its TSval is 100, that of the one that opened the gap (frame 2, 8.0 "
                              "ms before) is 101: it was sent earlier.\n"),
                    HasSubstr("Nothing acknowledged it.\n"),
                    HasSubstr("It calls this tcp.analysis.retransmission.\n"),
                    HasSubstr("It goes by time alone: 8.0 ms after the highest byte is not less "
                              "than 3.0 ms")));
}

TEST_F(Explanation, NeedlessRepeatIsToldWithWhatChangedTheVerdict) {
  sent(0ms, 1, 100);
  acked(1ms, 1, 99);
  sent(300ms, 1, 400);
  write(301ms, FrameBuilder().ack(1001).timestamps(1, 400).sack({{1, 1001}}));
  EXPECT_THAT(explain(3),
              AllOf(HasSubstr("Verdict: spurious_retransmission, by dsack\n"),
                    HasSubstr("At first: retransmission, by "),
                    HasSubstr("Some of its bytes were captured before (frame 1, 300.0 ms before)"),
                    HasSubstr("Its receiver said that it had these bytes twice (frame 4, 1.0 ms "
                              "later, SACK 1 to 1001).\n")));
}

TEST_F(Explanation, PacketInOrderIsThat) {
  sent(0ms, 1, 100);
  sent(1ms, 1001, 100);
  EXPECT_THAT(explain(2), AllOf(HasSubstr("Verdict: nothing but in order\n"),
                                HasSubstr("It goes on where its sender was (frame 1, 1.0 ms"),
                                HasSubstr("It sees nothing but a packet in order.\n"),
                                Not(HasSubstr("What decided"))));
}

TEST_F(Explanation, EarlierConnectionOfTheSamePortsIsNotItsStory) {
  sent(0ms, 4'000'000'001, 100);
  write(1s, FrameBuilder().reversed().flags(kSyn).seq(0).timestamps(200, 0));
  sent(2s, 1, 200);
  EXPECT_THAT(explain(3), HasSubstr("It goes on where its sender was (frame 2, 1.00 s before)"));
}

TEST_F(Explanation, WhatIsNotJudgedIsRefusedWithTheReason) {
  sent(0ms, 1, 100);
  write(1ms, FrameBuilder().protocol(17).payload(100));
  const auto error = [this](uint64_t frame, const char* local) -> std::string {
    try {
      return explain(frame, local);
    } catch (const std::runtime_error& thrown) {
      return thrown.what();
    }
  };
  EXPECT_THAT(error(9, "192.0.2.1"),
              AllOf(StartsWith("explain frame 9 of "), HasSubstr("it has 2 packets")));
  EXPECT_THAT(error(2, "192.0.2.1"), HasSubstr("it is not judged: not_tcp"));
  EXPECT_THAT(error(1, "203.0.113.1"), HasSubstr("neither end is --local"));
}

}  // namespace
}  // namespace lossgazer
