#include "app/peer_names.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/capture/network_namespace.h"
#include "tests/support/packet_bytes.h"

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::ElementsAre;

IpAddress host(uint32_t number) { return IpAddress::v4(0xc6336400 + number); }

// Until the condition holds; false if it does not within ten seconds.
template <typename Condition>
bool soon(Condition condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

// Answers when it is told to, and remembers what it was asked.
class FakeDns {
 public:
  PeerNames::Resolver resolver() {
    return [state = state_](const IpAddress& address) -> std::optional<std::string> {
      std::unique_lock lock(state->mutex);
      state->asked.push_back(address);
      state->changed.wait(lock, [&] { return !state->held; });
      if (state->silent) return std::nullopt;
      return state->prefix.empty() ? std::string() : state->prefix + address.to_string();
    };
  }
  void answer(const std::string& prefix) {
    set([&] { state_->prefix = prefix, state_->silent = false; });
  }
  void fall_silent() {
    set([&] { state_->silent = true; });
  }
  void hold(bool held) {
    set([&] { state_->held = held; });
  }
  std::vector<IpAddress> asked() {
    const std::lock_guard lock(state_->mutex);
    return state_->asked;
  }

 private:
  struct State {  // for a query that outlives everything else
    std::mutex mutex;
    std::condition_variable changed;
    std::string prefix = "host-";
    bool silent = false;
    bool held = false;
    std::vector<IpAddress> asked;
  };
  template <typename Change>
  void set(Change change) {
    const std::lock_guard lock(state_->mutex);
    change();
    state_->changed.notify_all();
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

PeerNamesLimits quick() {
  PeerNamesLimits limits;
  limits.between_queries = milliseconds(0);
  return limits;
}

TEST(PeerNames, AskingNeverWaitsAndTheNameIsThereLater) {
  FakeDns dns;
  dns.hold(true);
  PeerNames names(dns.resolver(), quick());
  EXPECT_EQ(names.name_of(host(7)), "");
  EXPECT_TRUE(soon([&] { return dns.asked().size() == 1; }));
  EXPECT_EQ(names.name_of(host(7)), "") << "while the query is under way";
  dns.hold(false);
  EXPECT_TRUE(soon([&] { return names.name_of(host(7)) == "host-198.51.100.7"; }));
  EXPECT_THAT(dns.asked(), ElementsAre(host(7))) << "asked once";
}

TEST(PeerNames, EndsWithoutWaitingForAServerThatIsSilent) {
  FakeDns dns;
  dns.hold(true);
  {
    PeerNames names(dns.resolver(), quick());
    EXPECT_EQ(names.name_of(host(7)), "");
    EXPECT_TRUE(soon([&] { return dns.asked().size() == 1; }));
  }
  dns.hold(false);
}

TEST(PeerNames, ItsThreadBeginsAsItIsTold) {
  std::string name(16, '\0');
  std::atomic<bool> began = false;
  FakeDns dns;
  const PeerNames names(dns.resolver(), quick(), [&] {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    began = true;
  });
  EXPECT_TRUE(soon([&] { return began.load(); }));
  EXPECT_STREQ(name.c_str(), "peer-names");
  EXPECT_THAT(dns.asked(), testing::IsEmpty());
}

TEST(PeerNames, ThatThereIsNoNameIsRememberedToo) {
  FakeDns dns;
  dns.answer("");
  PeerNames names(dns.resolver(), quick());
  EXPECT_EQ(names.name_of(host(7)), "");
  EXPECT_TRUE(soon([&] { return dns.asked().size() == 1; }));
  EXPECT_EQ(names.name_of(host(8)), "");
  EXPECT_TRUE(soon([&] { return dns.asked().size() == 2; }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(names.name_of(host(7)), "");
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_THAT(dns.asked(), ElementsAre(host(7), host(8)));
}

TEST(PeerNames, OldNamesAreAskedAgainAndAServerThatIsAwayTakesNoneBack) {
  FakeDns dns;
  PeerNamesLimits limits = quick();
  limits.keep_name = limits.keep_no_answer = milliseconds(1);
  PeerNames names(dns.resolver(), limits);
  EXPECT_TRUE(soon([&] { return names.name_of(host(7)) == "host-198.51.100.7"; }));
  dns.answer("new-");
  EXPECT_TRUE(soon([&] { return names.name_of(host(7)) == "new-198.51.100.7"; }));
  dns.fall_silent();
  const size_t before = dns.asked().size();
  EXPECT_TRUE(soon([&] {
    EXPECT_EQ(names.name_of(host(7)), "new-198.51.100.7");
    return dns.asked().size() >= before + 3;
  }));
}

TEST(PeerNames, NoMoreThanTheLimitAreRememberedAndWhatNobodyAsksForGoes) {
  FakeDns dns;
  PeerNamesLimits limits = quick();
  limits.names_max = 100;
  limits.keep_unasked = std::chrono::seconds(2);
  PeerNames names(dns.resolver(), limits);
  EXPECT_TRUE(soon([&] {
    for (uint32_t i = 0; i < 200; ++i) std::ignore = names.name_of(host(i));
    EXPECT_LE(names.remembered(), 100u);
    return !names.name_of(host(99)).empty();
  }));
  EXPECT_EQ(names.name_of(host(150)), "");
  EXPECT_TRUE(soon([&] { return !names.name_of(host(150)).empty(); }))
      << "the others are forgotten";
  EXPECT_LE(names.remembered(), 100u);
}

TEST(PeerNames, QueriesKeepTheirDistance) {
  FakeDns dns;
  PeerNamesLimits limits;
  limits.between_queries = milliseconds(50);
  PeerNames names(dns.resolver(), limits);
  const auto begin = steady_clock::now();
  for (uint32_t i = 0; i < 10; ++i) std::ignore = names.name_of(host(i));
  EXPECT_TRUE(soon([&] { return dns.asked().size() == 10; }));
  EXPECT_GE(steady_clock::now() - begin, milliseconds(9 * 50));
}

TEST(PeerNames, EndsWithQueriesWaiting) {
  FakeDns dns;
  PeerNames names(dns.resolver());
  for (uint32_t i = 0; i < 200; ++i) std::ignore = names.name_of(host(i));
}

// A DNS server on 127.0.0.1:53: it knows 198.51.100.7 and 2001:db8::7, answers nothing of
// 198.51.100.9 at all, and has a name with a quote in it for 198.51.100.8.
class DnsServer {
 public:
  DnsServer() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* bound = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    EXPECT_EQ(::bind(fd_, bound, sizeof address), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~DnsServer() {
    stopping_ = true;
    thread_.join();
    ::close(fd_);
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

 private:
  void serve() {
    while (!stopping_) {
      pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&waited, 1, 20) != 1) continue;
      std::array<std::byte, 512> query{};
      sockaddr_storage from{};
      socklen_t from_length = sizeof from;
      auto* sender = static_cast<sockaddr*>(static_cast<void*>(&from));
      const ssize_t length = ::recvfrom(fd_, query.data(), query.size(), 0, sender, &from_length);
      if (length < 12) continue;
      const test::Bytes answer = answer_to(test::Bytes(query.begin(), query.begin() + length));
      if (!answer.empty()) ::sendto(fd_, answer.data(), answer.size(), 0, sender, from_length);
    }
  }
  // RFC 1035, section 4.1: the header, the question, and one answer or an error.
  static test::Bytes answer_to(const test::Bytes& query) {
    std::string asked;
    size_t at = 12;
    while (query.at(at) != std::byte{0}) {
      const auto length = static_cast<size_t>(query[at]);
      for (size_t i = 1; i <= length; ++i) asked += static_cast<char>(query.at(at + i));
      asked += '.';
      at += length + 1;
    }
    const size_t end = at + 5;
    std::string name;
    if (asked == "7.100.51.198.in-addr.arpa.") name = "web.example";
    if (asked == "8.100.51.198.in-addr.arpa.") name = "a\"b.example";
    if (asked.starts_with("7.0.0.0.0.0.0.0.")) name = "web6.example";
    if (asked == "9.100.51.198.in-addr.arpa.") return {};

    test::Bytes answer(query.begin(), query.begin() + 2);
    test::put16(answer, name.empty() ? 0x8183 : 0x8180);
    test::put16(answer, 1);
    test::put16(answer, name.empty() ? 0 : 1);
    test::put32(answer, 0);
    answer.insert(answer.end(), query.begin() + 12,
                  query.begin() + static_cast<std::ptrdiff_t>(end));
    if (name.empty()) return answer;
    test::put16(answer, 0xc00c);  // the name that was asked
    test::put16(answer, 12);      // PTR
    test::put16(answer, 1);
    test::put32(answer, 60);
    test::Bytes target;
    for (size_t begin = 0; begin < name.size();) {
      const size_t dot = std::min(name.find('.', begin), name.size());
      test::put8(target, static_cast<unsigned>(dot - begin));
      for (; begin < dot; ++begin) target.push_back(static_cast<std::byte>(name[begin]));
      ++begin;
    }
    test::put8(target, 0);
    test::put16(answer, static_cast<unsigned>(target.size()));
    test::put(answer, target);
    return answer;
  }

  int fd_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

TEST(PeerNames, ARealServerIsAsked) {
  const bool privileged = test::in_new_namespace([] {
    // A view of the file system of our own, in which the server is the only one.
    const std::string conf = "/tmp/lossgazer-resolv-" + std::to_string(getpid());
    std::ofstream(conf) << "nameserver 127.0.0.1\n";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount(conf.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr), 0);
    ::unlink(conf.c_str());

    const DnsServer server;
    PeerNames names(reverse_dns, quick());
    EXPECT_TRUE(soon([&] { return names.name_of(host(7)) == "web.example"; }));
    const IpAddress v6 = *IpAddress::parse("2001:db8::7");
    EXPECT_TRUE(soon([&] { return names.name_of(v6) == "web6.example"; }));
    EXPECT_EQ(reverse_dns(host(200)), "") << "there is none";
    EXPECT_EQ(reverse_dns(host(8)), "") << "not the name of a host";
    EXPECT_EQ(reverse_dns(host(9)), std::nullopt) << "nobody answers";
    EXPECT_EQ(_res.retrans * _res.retry, 2) << "seconds that this thread waited, by the C library";
  });
  if (!privileged) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
}

}  // namespace
}  // namespace lossgazer
