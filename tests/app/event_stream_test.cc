// Events sent to real sockets and pipes, whose readers come late, go away, or do not read.

#include "app/event_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/app/event_verdict.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::retransmission;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Long enough for the busiest machine; nothing waits so long but a test that fails.
constexpr milliseconds kPatience(20'000);

template <typename Condition>
bool soon(Condition condition) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

// A file descriptor that lines are read from.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}
  ~LineReader() { close(); }
  LineReader(LineReader&& from) noexcept
      : fd_(std::exchange(from.fd_, -1)), text_(std::move(from.text_)) {}
  LineReader& operator=(LineReader&&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // A socket's: another thread that reads it comes to the end.
  void end() const { ::shutdown(fd_, SHUT_RDWR); }
  // The next line with its line feed; what there is without one at the end, or when none comes.
  std::string line() {
    size_t end = 0;
    while ((end = text_.find('\n')) == std::string::npos) {
      if (!read_more()) return std::exchange(text_, "");
    }
    std::string result = text_.substr(0, end + 1);
    text_.erase(0, end + 1);
    return result;
  }
  std::vector<std::string> lines(size_t count) {
    std::vector<std::string> result;
    while (result.size() < count) {
      result.push_back(line());
      if (!result.back().ends_with('\n')) break;
    }
    return result;
  }
  // Up to the end: how many lines, and what stands behind the last.
  std::pair<size_t, std::string> rest() {
    while (read_more()) {
    }
    const auto count = static_cast<size_t>(std::count(text_.begin(), text_.end(), '\n'));
    return {count, text_.substr(text_.rfind('\n') + 1)};
  }

 private:
  bool read_more() {
    pollfd waited_for{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&waited_for, 1, static_cast<int>(kPatience.count())) <= 0) return false;
    std::array<char, 65'536> bytes{};
    const ssize_t got = ::read(fd_, bytes.data(), bytes.size());
    if (got <= 0) return false;
    text_.append(bytes.data(), static_cast<size_t>(got));
    return true;
  }

  int fd_;
  std::string text_;
};

// A server of a unix socket or, without a path, of a TCP port of loopback.
class Server {
 public:
  explicit Server(const std::string& path = "") : path_(path) {
    fd_ = ::socket(path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Little is under way when it stops to read.
    const int small = 4096;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_un unix_address{};
    unix_address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(unix_address.sun_path), sizeof unix_address.sun_path - 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* const general = path.empty() ? static_cast<const void*>(&address) : &unix_address;
    socklen_t length = path.empty() ? sizeof address : sizeof unix_address;
    EXPECT_EQ(::bind(fd_, static_cast<const sockaddr*>(general), length), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    if (!path.empty()) return;
    void* const filled = &address;
    EXPECT_EQ(::getsockname(fd_, static_cast<sockaddr*>(filled), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Server() {
    ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] LineReader accept() const {
    pollfd waited_for{.fd = fd_, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waited_for, 1, static_cast<int>(kPatience.count())), 1);
    return LineReader(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  }
  [[nodiscard]] EventDestination destination() const {
    return path_.empty() ? EventDestination{.host = "127.0.0.1", .port = std::to_string(port_)}
                         : EventDestination{.path = path_};
  }

 private:
  std::string path_;
  int fd_ = -1;
  uint16_t port_ = 0;
};

// Meanwhile standard output is a pipe, or a socket as systemd's.
class PipedOutput {
 public:
  explicit PipedOutput(bool socket = false) : saved_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    std::array<int, 2> ends{};
    EXPECT_EQ(socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data())
                     : ::pipe2(ends.data(), O_CLOEXEC),
              0);
    EXPECT_TRUE(!socket || ::shutdown(ends[1], SHUT_RD) == 0);
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[1]);
    reader_.emplace(ends[0]);
  }
  ~PipedOutput() { restore(); }
  PipedOutput(const PipedOutput&) = delete;
  PipedOutput& operator=(const PipedOutput&) = delete;

  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDOUT_FILENO);
    ::close(std::exchange(saved_, -1));
  }
  LineReader& reader() { return *reader_; }

 private:
  int saved_;
  std::optional<LineReader> reader_;
};

class EventStreamTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(socket_path_); }

  EventStreamConfig config(EventDestination to) {
    EventStreamConfig config;
    config.to = std::move(to);
    config.rate = {};
    config.first_back_off = milliseconds(5);
    config.longest_back_off = milliseconds(20);
    config.log = [this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex_);
      log_.emplace_back(line);
    };
    return config;
  }
  std::vector<std::string> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  static void push(const VerdictSink& sink, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) sink(retransmission(first + i));
  }
  static uint64_t dropped(const EventHealth& health) {
    return std::accumulate(health.dropped.begin(), health.dropped.end(), uint64_t{0});
  }
  static uint64_t sum(const EventHealth& health) {
    return health.sent + health.queued + dropped(health);
  }

  const std::string socket_path_ =
      testing::TempDir() + "lossgazer-events-" + std::to_string(getpid());
  std::mutex mutex_;
  std::vector<std::string> log_;
};

TEST_F(EventStreamTest, VerdictsBecomeLinesWithTheirInterface) {
  const Server server;
  EventStream stream(config(server.destination()));
  stream.name_source(0, "eth0");
  const VerdictSink sink = stream.sink(0);
  push(sink, 1, 3);
  LineReader reader = server.accept();
  for (uint32_t seq = 1; seq <= 3; ++seq) {
    EXPECT_EQ(reader.line(),
              event_line(retransmission(seq), EventNames::kOwn, {.interface = "eth0"}));
  }
  EXPECT_TRUE(soon([&] { return stream.health().sent == 3; }));
  EXPECT_EQ(stream.health().queued, 0U);
  EXPECT_TRUE(stream.health().receiver_up.value());
}

TEST_F(EventStreamTest, OfEachWorkerTheOrderIsKept) {
  constexpr uint32_t kEach = 10'000;
  const Server server(socket_path_);
  EventStreamConfig two = config(server.destination());
  two.workers = 2;
  EventStream stream(two);
  LineReader reader = server.accept();
  std::vector<std::thread> workers;
  for (uint16_t worker = 0; worker < 2; ++worker) {
    workers.emplace_back([worker, sink = stream.sink(worker)] {
      for (uint32_t seq = 1; seq <= kEach; ++seq) sink(retransmission(seq, 1'000 + worker));
    });
  }
  std::array<uint32_t, 2> next{1, 1};
  for (uint32_t i = 0; i < 2 * kEach; ++i) {
    const std::string line = reader.line();
    const size_t worker = line.find("\"src_port\":1001") == std::string::npos ? 0 : 1;
    ASSERT_THAT(line, HasSubstr(fmt::format("\"seq\":{},", next[worker]++)));
  }
  for (std::thread& worker : workers) worker.join();
}

TEST_F(EventStreamTest, WhatComesBeforeItsReceiverWaits) {
  EventStream stream(config({.path = socket_path_}));
  push(stream.sink(0), 1, 500);
  EXPECT_TRUE(soon([&] { return !log().empty(); }));
  EXPECT_THAT(log(), ElementsAre(StartsWith("events to unix:" + socket_path_ +
                                            ": connect: No such file or directory; ")));
  EXPECT_EQ(stream.health().queued, 500U);
  EXPECT_FALSE(stream.health().receiver_up.value());
  const Server server(socket_path_);
  LineReader reader = server.accept();
  const std::vector<std::string> lines = reader.lines(500);
  EXPECT_THAT(lines.front(), HasSubstr("\"seq\":1,"));
  EXPECT_THAT(lines.back(), HasSubstr("\"seq\":500,"));
  EXPECT_TRUE(soon([&] { return log().size() == 2; }));
  EXPECT_EQ(log().back(), "events go to unix:" + socket_path_);
}

// However often it goes, each line is whole, and each event sent, dropped or queued.
TEST_F(EventStreamTest, AReceiverThatGoesCutsOneLineAndIsConnectedToAgain) {
  constexpr uint32_t kEvents = 30'000;
  for (const bool tcp : {true, false}) {
    SCOPED_TRACE(tcp);
    const Server server(tcp ? "" : socket_path_);
    EventStream stream(config(server.destination()));
    push(stream.sink(0), 1, kEvents);
    constexpr uint64_t kTimes = 3;
    for (uint64_t time = 0; time < kTimes; ++time) {
      LineReader reader = server.accept();
      for (const std::string& line : reader.lines(1'000)) {
        ASSERT_THAT(line, StartsWith("{\"time\":"));
        ASSERT_THAT(line, EndsWith("}\n"));
      }
      // It is in the middle of something: nobody reads, and its buffers are full.
      uint64_t before = 0;
      EXPECT_TRUE(soon([&] {
        std::this_thread::sleep_for(milliseconds(150));
        return std::exchange(before, stream.health().sent) == stream.health().sent;
      }));
    }
    LineReader last = server.accept();
    EXPECT_THAT(last.line(), StartsWith("{\"time\":"));
    std::thread reading([&] { EXPECT_EQ(last.rest().second, ""); });
    EXPECT_TRUE(soon([&] { return stream.health().queued == 0; }));
    const EventHealth health = stream.health();
    EXPECT_EQ(health.sent + dropped(health), kEvents);
    EXPECT_LE(dropped(health), kTimes);
    stream.finish();
    EXPECT_FALSE(stream.health().receiver_up.value());
    last.end();
    reading.join();
  }
}

TEST_F(EventStreamTest, WhatFindsNoRoomIsDroppedAndCounted) {
  const Server server(socket_path_);
  EventStream stream(config(server.destination()));
  const LineReader nobody_reads = server.accept();
  constexpr uint32_t kEvents = EventStream::kLimit + 20'000;
  push(stream.sink(0), 1, kEvents);
  EXPECT_TRUE(soon([&] { return sum(stream.health()) == kEvents; }));
  const EventHealth health = stream.health();
  EXPECT_GT(health.dropped[static_cast<size_t>(EventDrop::kReceiver)], 10'000U);
  EXPECT_EQ(health.dropped[static_cast<size_t>(EventDrop::kRate)], 0U);
  EXPECT_TRUE(soon([&] { return log().size() == 2; }));
  EXPECT_THAT(log().back(), HasSubstr("events were dropped"));
}

TEST_F(EventStreamTest, MoreThanTheRateWaitAndAreDroppedByThatName) {
  const Server server(socket_path_);
  EventStreamConfig slow = config(server.destination());
  slow.rate = {.interval = std::chrono::hours(1), .burst = 5};
  EventStream stream(slow);
  const VerdictSink sink = stream.sink(0);
  push(sink, 1, 10);
  LineReader reader = server.accept();
  EXPECT_THAT(reader.lines(5).back(), HasSubstr("\"seq\":5,"));
  EXPECT_TRUE(soon([&] { return stream.health().sent == 5; }));
  EXPECT_EQ(stream.health().queued, 5U);
  std::this_thread::sleep_for(milliseconds(50));  // it has found out that it may not go on
  push(sink, 11, EventStream::kLimit + 1'000);
  EXPECT_TRUE(soon([&] { return sum(stream.health()) == EventStream::kLimit + 1'010; }));
  const EventHealth health = stream.health();
  EXPECT_EQ(health.sent, 5U);
  EXPECT_GT(health.dropped[static_cast<size_t>(EventDrop::kRate)], 0U);
  EXPECT_EQ(health.dropped[static_cast<size_t>(EventDrop::kReceiver)], 0U);
}

TEST_F(EventStreamTest, FilterAndNamesChangeWhileItRuns) {
  const Server server(socket_path_);
  EventStream stream(config(server.destination()));
  const VerdictSink sink = stream.sink(0);
  LineReader reader = server.accept();
  stream.set_filter(EventFilter({}, {VerdictKind::kReordered}));
  push(sink, 1, 1);
  stream.set_filter(EventFilter());
  stream.set_names(EventNames::kEcs);
  push(sink, 2, 1);
  const std::string line = reader.line();
  EXPECT_THAT(line, HasSubstr("\"seq\":2,"));
  EXPECT_THAT(line, StartsWith("{\"@timestamp\":"));
  EXPECT_EQ(sum(stream.health()), 1U) << "what does not pass is not counted";
}

TEST_F(EventStreamTest, TheEndSendsWhatWaits) {
  const Server server(socket_path_);
  EventStreamConfig slow = config(server.destination());
  slow.rate = {.interval = std::chrono::hours(1), .burst = 1};
  EventStream stream(slow);
  LineReader reader = server.accept();
  push(stream.sink(0), 1, 100);
  stream.finish();
  EXPECT_EQ(reader.rest(), std::pair(size_t{100}, std::string()));
  EXPECT_EQ(stream.health().sent, 100U);
}

TEST_F(EventStreamTest, TheEndDoesNotWaitForWhoDoesNotRead) {
  const Server server(socket_path_);
  EventStream stream(config(server.destination()));
  const LineReader nobody_reads = server.accept();
  push(stream.sink(0), 1, 50'000);
  const auto begin = steady_clock::now();
  stream.finish();
  EXPECT_LT(steady_clock::now() - begin, milliseconds(5'000));
  EXPECT_TRUE(soon([&] { return stream.health().queued == 0; }));
  EXPECT_EQ(sum(stream.health()), 50'000U);
  EXPECT_GT(dropped(stream.health()), 0U);
}

TEST_F(EventStreamTest, AFullPipeIsWaitedForAndItsLinesAreWhole) {
  PipedOutput output;
  EventStream stream(config({}));
  push(stream.sink(0), 1, 5'000);
  uint64_t before = 0;
  EXPECT_TRUE(soon([&] {
    std::this_thread::sleep_for(milliseconds(250));
    return std::exchange(before, stream.health().sent) == stream.health().sent;
  }));
  EXPECT_GT(stream.health().sent, 0U);
  EXPECT_GT(stream.health().queued, 3'000U);
  EXPECT_EQ(sum(stream.health()), 5'000U);
  for (const std::string& line : output.reader().lines(5'000)) {
    ASSERT_THAT(line, StartsWith("{\"time\":"));
    ASSERT_THAT(line, EndsWith("}\n"));
  }
  EXPECT_TRUE(soon([&] { return stream.health().sent == 5'000; }));
  stream.finish();
  output.restore();
}

// As of `| head`. The signal that this makes would end the process.
TEST_F(EventStreamTest, AReaderOfStandardOutputThatGoesEndsNothing) {
  for (const bool socket : {false, true}) {
    SCOPED_TRACE(socket);
    PipedOutput output(socket);
    EventStream stream(config({}));
    const VerdictSink sink = stream.sink(0);
    push(sink, 1, 10);
    EXPECT_THAT(output.reader().lines(10).back(), HasSubstr("\"seq\":10,"));
    output.reader().close();
    push(sink, 11, 10);
    EXPECT_TRUE(soon([&] { return !stream.health().receiver_up.value(); }));
    EXPECT_EQ(sum(stream.health()), 20U);
    stream.finish();
    output.restore();
    EXPECT_THAT(log(), ElementsAre("events go to standard output",
                                   StartsWith("events to standard output: its reader has gone; ")));
    log_.clear();
  }
}

TEST_F(EventStreamTest, NamesAreLookedUp) {
  const Server server;
  EventDestination by_name = server.destination();
  by_name.host = "localhost";
  EventStream stream(config(by_name));
  push(stream.sink(0), 1, 1);
  LineReader reader = server.accept();
  EXPECT_THAT(reader.line(), HasSubstr("\"seq\":1,"));
}

}  // namespace
}  // namespace lossgazer
