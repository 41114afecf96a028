#include "tests/lab/truth_log.h"

#include <algorithm>
#include <stdexcept>

namespace lossgazer::lab {
namespace {

constexpr uint32_t kNanosecondPcap = 0xa1b23c4d;
constexpr uint32_t kEthernet = 1;
constexpr size_t kWholeFile = 0;
constexpr size_t kViewFile = 1;
constexpr std::array<const char*, 3> kFileNames = {".whole.pcap", ".view.pcap", ".cut.pcap"};
constexpr size_t kWholeBytes = 128;
constexpr size_t kCutBytes = 64;
constexpr size_t kIpv6View = 84;

// As truth.py unpacks it: little-endian, 48 bytes.
struct Record {
  int64_t time;
  uint32_t number;
  uint32_t frame;
  uint32_t seq;
  uint32_t ack;
  uint32_t payload_length;
  uint32_t tsval;
  uint16_t ip_id;
  uint16_t source_port;
  uint16_t destination_port;
  uint16_t copy;
  uint8_t event;
  uint8_t sender;
  uint8_t place;
  uint8_t flags;
  uint32_t unused;
};
static_assert(sizeof(Record) == 48);

template <typename T>
void put(std::ofstream& file, const T& value) {
  file.write(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::ofstream create(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("create " + path);
  return file;
}

}  // namespace

Tap::Tap(const std::string& path) {
  for (size_t i = 0; i < files_.size(); ++i) {
    files_[i] = create(path + kFileNames[i]);
    put(files_[i], kNanosecondPcap);
    put(files_[i], std::array<uint16_t, 2>{2, 4});
    put(files_[i], std::array<uint32_t, 4>{0, 0, 262'144, kEthernet});
  }
}

uint32_t Tap::capture(Nanoseconds time, std::span<const uint8_t> frame, const HeaderFacts& facts) {
  const size_t headers = facts.payload_offset;
  const size_t view = facts.payload_length == 0 ? headers : facts.is_v6 ? kIpv6View : kCutBytes;
  write(files_[kWholeFile], time, frame, kWholeBytes);
  write(files_[kViewFile], time, frame, view);
  write(files_.back(), time, frame, kCutBytes);
  return ++frames_;
}

void Tap::write(std::ofstream& file, Nanoseconds time, std::span<const uint8_t> frame,
                size_t kept) {
  constexpr int64_t kPerSecond = 1'000'000'000;
  kept = std::min(kept, frame.size());
  put(file, std::array{static_cast<uint32_t>(time.count() / kPerSecond),
                       static_cast<uint32_t>(time.count() % kPerSecond),
                       static_cast<uint32_t>(kept), static_cast<uint32_t>(frame.size())});
  file.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(kept));
}

TruthLog::TruthLog(const std::string& path) : file_(create(path)) {}

void TruthLog::write(Nanoseconds time, Event event, Sender sender, const WirePacket& packet,
                     uint8_t place, uint32_t frame) {
  const HeaderFacts& facts = packet.facts;
  put(file_, Record{.time = time.count(),
                    .number = packet.number,
                    .frame = frame,
                    .seq = facts.seq,
                    .ack = facts.ack,
                    .payload_length = facts.payload_length,
                    .tsval = facts.tsval,
                    .ip_id = facts.ip_id,
                    .source_port = facts.source_port,
                    .destination_port = facts.destination_port,
                    .copy = packet.copy,
                    .event = static_cast<uint8_t>(event),
                    .sender = static_cast<uint8_t>(sender),
                    .place = place,
                    .flags = facts.flags,
                    .unused = 0});
}

}  // namespace lossgazer::lab
