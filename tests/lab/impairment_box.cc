// The lab's network: carries frames between a TAP device in namespace A and one in B, and on the
// way loses, delays, reorders and copies TCP packets, by lot from a seed. Everything it does is
// logged, and captured at three taps: at A, in the middle, and at B.
//
//     A ─ tap 0 ─ stretch 0 ─ tap 1 ─ stretch 1 ─ tap 2 ─ B      each stretch with its own
//                                                                impairment in each direction
//
//   impairment_box NAMESPACE_A NAMESPACE_B FOLDER [seed=N] [offload] [seconds=N]
//                  [a0=IMPAIRMENT] [a1=…] [b0=…] [b1=…]       (sender and stretch)
//
// Runs until SIGTERM, SIGINT or `seconds` have passed. It is the tests' own tool and trusts its
// arguments.

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "tests/lab/impairment.h"
#include "tests/lab/tap_device.h"
#include "tests/lab/truth_log.h"
#include "tests/lab/wire_packet.h"

namespace lossgazer::lab {
namespace {

constexpr size_t kFramesAtOnce = 64;
constexpr uint8_t kTaps = 3;
constexpr uint8_t kStretches = kTaps - 1;
constexpr size_t kEthernetOverhead = 24;  // preamble, checksum and gap

volatile std::sig_atomic_t stop_requested = 0;

Nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

struct Settings {
  std::array<std::string, 2> namespaces;
  std::string folder;
  uint64_t seed = 1;
  bool offload = false;
  std::chrono::seconds limit{120};
  std::array<std::array<Impairment, kStretches>, 2> impairments;  // by Sender, by stretch
};

Settings read_arguments(const std::vector<std::string>& words) {
  if (words.size() < 3) throw std::invalid_argument("NAMESPACE_A NAMESPACE_B FOLDER [...]");
  Settings settings;
  settings.namespaces = {words[0], words[1]};
  settings.folder = words[2];
  for (size_t i = 3; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
    if (name == "seed") {
      settings.seed = std::stoull(value);
    } else if (name == "seconds") {
      settings.limit = std::chrono::seconds(std::stoull(value));
    } else if (name == "offload") {
      settings.offload = true;
    } else if (name.size() == 2 && (name[0] == 'a' || name[0] == 'b') &&
               (name[1] == '0' || name[1] == '1')) {
      settings.impairments[name[0] == 'a' ? 0 : 1][name[1] == '0' ? 0 : 1] =
          Impairment::parse(value);
    } else {
      throw std::invalid_argument("unknown argument: " + words[i]);
    }
  }
  return settings;
}

class Box {
 public:
  explicit Box(const Settings& settings)
      : offload_(settings.offload),
        ends_{std::make_unique<TapDevice>(settings.namespaces[0], "lab0", settings.offload),
              std::make_unique<TapDevice>(settings.namespaces[1], "lab0", settings.offload)},
        log_(settings.folder + "/truth.log"),
        to_wall_clock_(read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC)) {
    for (const char* name : {"/a", "/middle", "/b"}) taps_.emplace_back(settings.folder + name);
    uint64_t seed = settings.seed;
    for (size_t sender = 0; sender < 2; ++sender) {
      for (const Impairment& impairment : settings.impairments[sender]) {
        stretches_[sender].emplace_back(impairment, seed++ * 1'000'003);
      }
    }
  }

  void run_until(Nanoseconds end) {
    std::array<pollfd, 2> readable = {pollfd{.fd = ends_[0]->fd(), .events = POLLIN, .revents = 0},
                                      pollfd{.fd = ends_[1]->fd(), .events = POLLIN, .revents = 0}};
    while (stop_requested == 0 && read_clock(CLOCK_MONOTONIC) < end) {
      carry_what_is_due();
      const Nanoseconds now = read_clock(CLOCK_MONOTONIC);
      Nanoseconds wait = std::chrono::milliseconds(100);
      if (!under_way_.empty()) {
        wait = std::clamp(under_way_.top().due - now, Nanoseconds::zero(), wait);
      }
      const timespec timeout{.tv_sec = 0, .tv_nsec = wait.count()};
      if (::ppoll(readable.data(), readable.size(), &timeout, nullptr) <= 0) continue;
      for (size_t sender = 0; sender < 2; ++sender) {
        if (readable[sender].revents != 0) take_from(static_cast<Sender>(sender));
      }
    }
  }

 private:
  struct Journey {
    Nanoseconds due;
    uint64_t order;  // of equals, the first scheduled comes first
    Sender sender;
    uint8_t stretches_passed;
    WirePacket packet;
    bool operator<(const Journey& other) const {  // the queue's top is the greatest
      return due != other.due ? due > other.due : order > other.order;
    }
  };

  static uint8_t tap_at(Sender sender, uint8_t stretches_passed) {
    return sender == Sender::kA ? stretches_passed : static_cast<uint8_t>(2 - stretches_passed);
  }

  void take_from(Sender sender) {
    const Sender receiver = sender == Sender::kA ? Sender::kB : Sender::kA;
    ends_[static_cast<size_t>(sender)]->read(
        kFramesAtOnce, [&](std::span<const uint8_t> bytes, size_t segment_size) {
          const Nanoseconds now = read_clock(CLOCK_MONOTONIC);
          const std::optional<HeaderFacts> facts = facts_of(bytes);
          if (!facts) {  // neighbour discovery and the like pass untouched
            ends_[static_cast<size_t>(receiver)]->write(bytes, 0, 0, false);
            return;
          }
          const Bytes frame(bytes.begin(), bytes.end());
          const uint8_t tap = tap_at(sender, 0);
          const uint32_t number = taps_[tap].capture(wall_clock(now), frame, *facts);
          for (Bytes& piece : split(frame, *facts, segment_size)) {
            WirePacket packet{.frame = std::move(piece), .facts = {}, .number = ++sent_};
            packet.facts = *facts_of(packet.frame);
            log_.write(wall_clock(now), Event::kSent, sender, packet, 0);
            log_.write(wall_clock(now), Event::kCaptured, sender, packet, tap, number);
            enter(now, sender, 0, packet);
          }
        });
  }

  void enter(Nanoseconds now, Sender sender, uint8_t passed, const WirePacket& packet) {
    // Stretches are numbered from A on.
    const auto stretch = static_cast<uint8_t>(sender == Sender::kA ? passed : 1 - passed);
    constexpr uint8_t kSynFinRst = 0x07;
    const bool is_pure_ack =
        packet.facts.payload_length == 0 && (packet.facts.flags & kSynFinRst) == 0;
    const Stretch::Fate fate = stretches_[static_cast<size_t>(sender)][stretch].enter(
        now, packet.frame.size() + kEthernetOverhead, is_pure_ack);
    if (fate.loss != Stretch::Loss::kNone) {
      const Event event = fate.loss == Stretch::Loss::kLot ? Event::kLost : Event::kQueueLost;
      log_.write(wall_clock(now), event, sender, packet, stretch);
      return;
    }
    for (size_t i = 0; i < fate.arrivals.size(); ++i) {
      Journey journey{.due = fate.arrivals[i],
                      .order = ++scheduled_,
                      .sender = sender,
                      .stretches_passed = static_cast<uint8_t>(passed + 1),
                      .packet = packet};
      if (i > 0) journey.packet.copy = ++copies_;
      under_way_.push(std::move(journey));
    }
  }

  void carry_what_is_due() {
    const Nanoseconds now = read_clock(CLOCK_MONOTONIC);
    while (!under_way_.empty() && under_way_.top().due <= now) {
      const Journey journey = under_way_.top();
      under_way_.pop();
      if (journey.stretches_passed < kStretches) {
        const uint8_t tap = tap_at(journey.sender, journey.stretches_passed);
        const WirePacket& packet = journey.packet;
        const uint32_t frame = taps_[tap].capture(wall_clock(now), packet.frame, packet.facts);
        log_.write(wall_clock(now), Event::kCaptured, journey.sender, packet, tap, frame);
        enter(now, journey.sender, journey.stretches_passed, packet);
      } else {
        arrive(journey.sender, journey.packet);
      }
    }
    for (const Sender sender : {Sender::kA, Sender::kB}) deliver(sender);
  }

  // At its receiver's network card, which may put it together with what follows.
  void arrive(Sender sender, const WirePacket& packet) {
    std::optional<Aggregate>& arriving = arriving_[static_cast<size_t>(sender)];
    if (offload_ && arriving && arriving->try_add(packet)) return;
    deliver(sender);
    arriving.emplace(packet);
    if (!offload_) deliver(sender);
  }

  void deliver(Sender sender) {
    std::optional<Aggregate>& arriving = arriving_[static_cast<size_t>(sender)];
    if (!arriving) return;
    const HeaderFacts& facts = arriving->packets().front().facts;
    const Bytes frame = arriving->frame();
    const uint8_t tap = tap_at(sender, kStretches);
    const Nanoseconds now = wall_clock(read_clock(CLOCK_MONOTONIC));
    HeaderFacts whole = facts;
    whole.payload_length = static_cast<uint32_t>(frame.size() - facts.payload_offset);
    const uint32_t number = taps_[tap].capture(now, frame, whole);
    for (const WirePacket& packet : arriving->packets()) {
      log_.write(now, Event::kCaptured, sender, packet, tap, number);
      log_.write(now, Event::kDelivered, sender, packet);
    }
    const size_t receiver = sender == Sender::kA ? 1 : 0;
    ends_[receiver]->write(frame, facts.payload_offset, arriving->segment_size(), facts.is_v6);
    arriving.reset();
  }

  [[nodiscard]] Nanoseconds wall_clock(Nanoseconds time) const { return time + to_wall_clock_; }

  bool offload_;
  std::array<std::unique_ptr<TapDevice>, 2> ends_;
  std::vector<Tap> taps_;
  TruthLog log_;
  Nanoseconds to_wall_clock_;
  std::array<std::vector<Stretch>, 2> stretches_;  // by Sender
  std::priority_queue<Journey> under_way_;
  std::array<std::optional<Aggregate>, 2> arriving_;  // by Sender
  uint64_t scheduled_ = 0;
  uint32_t sent_ = 0;
  uint16_t copies_ = 0;
};

}  // namespace
}  // namespace lossgazer::lab

int main(int argc, char** argv) {
  using namespace lossgazer::lab;
  try {
    const Settings settings = read_arguments({argv + 1, argv + argc});
    struct sigaction action {};
    action.sa_handler = [](int) { stop_requested = 1; };
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    Box box(settings);
    std::cout << "ready" << std::endl;  // flushed: the lab waits for it
    box.run_until(read_clock(CLOCK_MONOTONIC) + settings.limit);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "impairment_box: " << error.what() << '\n';
    return 1;
  }
}
