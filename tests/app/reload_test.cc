#include "app/reload.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "app/option_table.h"

namespace lossgazer {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

// Somebody who runs, and whose configuration is changed.
class ReloaderTest : public testing::Test {
 protected:
  // What an editor of the configuration would do.
  void ask_for(std::string_view name, const std::string& word) {
    const Option& option = *find_option(name);
    option.set(asked_, {word});
    asked_.given[option.name] = {word, "command line"};
  }
  std::optional<std::string> reload() { return reloader_.reload(); }

  Options asked_ = default_options();
  bool readable_ = true;
  bool databases_open_ = true;
  int databases_opened_ = 0;
  std::vector<std::string> applied_;
  std::vector<std::string> log_;
  Reloader reloader_{
      default_options(),
      [this] {
        if (!readable_) throw UsageError("a.yaml:1: no such option");
        return asked_;
      },
      {at_once({"peers.max", "peers.ttl"},
               [this](const Options& next) {
                 applied_.push_back("peers.max=" + std::to_string(next.analyzer.peers_max));
               }),
       at_once({"log.level"}, [this](const Options&) { applied_.emplace_back("log.level"); }),
       {.options = {"web.telemetry-path"},
        .prepare = [this](const Options&) -> LiveChange::Commit {
          if (!databases_open_) throw std::runtime_error("open a.mmdb: no such file");
          return [this] { ++databases_opened_; };
        },
        .always = true}},
      [this](LogLevel, std::string_view text) { log_.emplace_back(text); }};
};

TEST_F(ReloaderTest, WhatCanChangeChanges) {
  ask_for("peers.max", "5");
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(applied_, ElementsAre("peers.max=5"));
  EXPECT_THAT(log_, ElementsAre("reload: in force now: peers.max=5"));
}

TEST_F(ReloaderTest, PartsWhoseOptionsAreAsBeforeAreLeftAlone) {
  ask_for("peers.max", "5");
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(applied_, ElementsAre("peers.max=5"));
  EXPECT_EQ(log_.back(), "reload: the configuration was read; nothing changes");
}

TEST_F(ReloaderTest, WhatIsTakenAwayFallsBackToTheDefault) {
  ask_for("peers.max", "5");
  EXPECT_EQ(reload(), std::nullopt);
  asked_ = default_options();
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(applied_, ElementsAre("peers.max=5", "peers.max=1000"));
  EXPECT_EQ(log_.back(), "reload: in force now: peers.max=1000");
}

TEST_F(ReloaderTest, WhatTakesARestartIsNamedOnce) {
  const std::string said =
      "reload: takes a restart, and keeps its old value until then: flows.max=9";
  ask_for("flows.max", "9");
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(log_, Contains(said));
  log_.clear();
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(log_, Not(Contains(said))) << "it was said";
  asked_ = default_options();
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(log_, Not(Contains(HasSubstr("restart")))) << "it is as it runs";
  ask_for("flows.max", "9");
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(log_, Contains(said)) << "it is asked for anew";
  EXPECT_THAT(applied_, IsEmpty());
}

TEST_F(ReloaderTest, ABadConfigurationLeavesTheOldOneAndSaysWhy) {
  ask_for("peers.max", "5");
  readable_ = false;
  const auto before = reloader_.health();
  const std::string why = "reload: the old configuration stays in force: a.yaml:1: no such option";
  EXPECT_EQ(reload(), why);
  EXPECT_THAT(log_, ElementsAre(why));
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_FALSE(reloader_.health().last_reload_successful);
  EXPECT_EQ(reloader_.health().last_success, before.last_success);

  readable_ = true;
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_THAT(applied_, ElementsAre("peers.max=5")) << "nothing of it was in force before";
  EXPECT_TRUE(reloader_.health().last_reload_successful);
  EXPECT_GT(reloader_.health().last_success, before.last_success);
}

TEST_F(ReloaderTest, NothingIsPutInForceIfOnePartCannotBeMadeReady) {
  ask_for("peers.max", "5");
  databases_open_ = false;
  EXPECT_THAT(reload().value_or(""), HasSubstr("open a.mmdb: no such file"));
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_FALSE(reloader_.health().last_reload_successful);
}

TEST_F(ReloaderTest, WhatOptionsNameIsLookedAtAgainEachTime) {
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_EQ(reload(), std::nullopt);
  EXPECT_EQ(databases_opened_, 2);
}

TEST_F(ReloaderTest, IsWellAtTheStart) {
  EXPECT_TRUE(reloader_.health().last_reload_successful);
  EXPECT_LT(std::chrono::system_clock::now() - reloader_.health().last_success, 10min);
}

// Whoever can reach the port can ask for reloads.
TEST_F(ReloaderTest, AStormOfReloadsFillsNoLog) {
  readable_ = false;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(reload());
  EXPECT_LT(log_.size(), 100U);
}

TEST(ReloadDesk, ThoseWhoAskWaitForAReloadThatBeganAfterwards) {
  std::atomic<int> woken = 0;
  ReloadDesk desk([&] { ++woken; });
  int reloads = 0;
  desk.serve([&]() -> std::optional<std::string> {
    ++reloads;
    return std::nullopt;
  });
  EXPECT_EQ(reloads, 0) << "nobody asked";

  constexpr int kClients = 8;
  std::atomic<int> answered = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      EXPECT_EQ(desk.ask(), "why not");
      ++answered;
    });
  }
  while (answered < kClients) {
    desk.serve([&]() -> std::optional<std::string> {
      ++reloads;
      return "why not";
    });
    std::this_thread::yield();
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(woken, kClients);
  EXPECT_GE(reloads, 1);
  EXPECT_LE(reloads, kClients) << "those who wait together share one";
}

TEST(ReloadDesk, NobodyWaitsForOneThatIsClosed) {
  ReloadDesk desk([] {});
  std::thread client([&] { EXPECT_EQ(desk.ask(), "reload: the program is ending"); });
  desk.close();
  client.join();
  EXPECT_EQ(desk.ask(), "reload: the program is ending");
}

}  // namespace
}  // namespace lossgazer
