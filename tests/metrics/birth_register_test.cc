#include "metrics/birth_register.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace lossgazer {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

PeerKey peer(uint32_t last_byte) {
  return {PeerKey::Kind::kAddress, IpAddress::v4(0xc0000200 + last_byte), {}};
}
const PeerKey kOther{PeerKey::Kind::kOther, {}, {}};

// Scrapes tell for each peer given whether it is "0" or "true"; seconds count from an odd start.
class BirthRegisterTest : public testing::Test {
 protected:
  std::string scrape(BirthRegister<PeerRow>::Clock::duration at, std::vector<PeerKey> keys) {
    std::ranges::sort(keys);
    std::vector<PeerRow> rows;
    rows.reserve(keys.size());
    for (const PeerKey& key : keys) rows.push_back({key, {}, lives_[key]});
    std::string result;
    for (bool grown : births_.scrape(rows, start_ + at)) result += grown ? "T" : "0";
    return result;
  }
  void next_life_of(const PeerKey& key) { ++lives_[key]; }
  // Scrapes by one server without peers: its pace becomes known.
  void keep_pace(seconds from, seconds to, seconds gap) {
    for (seconds at = from; at <= to; at += gap) EXPECT_EQ(scrape(at, {}), "");
  }

 private:
  BirthRegister<PeerRow> births_;
  std::map<PeerKey, uint64_t> lives_;
  BirthRegister<PeerRow>::Clock::time_point start_{seconds(12345)};
};

TEST_F(BirthRegisterTest, FirstScrapeEverShowsEveryPeerAtZeroOnce) {
  EXPECT_EQ(scrape(seconds(0), {peer(1), peer(2), kOther}), "000");
  EXPECT_EQ(scrape(milliseconds(10), {peer(1), peer(2), kOther}), "TTT");
}

TEST_F(BirthRegisterTest, StaysAtZeroUntilOneIntervalHasPassed) {
  keep_pace(seconds(0), seconds(30), seconds(15));
  EXPECT_EQ(scrape(seconds(40), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(45), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(54), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(56), {peer(1)}), "T");
}

TEST_F(BirthRegisterTest, TwoServersInTurnBothSeeTheZero) {
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(scrape(seconds(15 * round), {}), "");
    EXPECT_EQ(scrape(seconds(15 * round + 7), {}), "");
  }
  EXPECT_EQ(scrape(seconds(60), {peer(1)}), "0");            // one server
  EXPECT_EQ(scrape(seconds(67), {peer(1), peer(2)}), "00");  // the other; the first knows no 2
  EXPECT_EQ(scrape(seconds(75), {peer(1), peer(2)}), "T0");
  EXPECT_EQ(scrape(seconds(82), {peer(1), peer(2)}), "TT");
}

TEST_F(BirthRegisterTest, SecondServerLateByItsJitterStillSeesTheZero) {
  keep_pace(seconds(0), seconds(56), seconds(7));
  EXPECT_EQ(scrape(seconds(63), {peer(1)}), "0");
  EXPECT_EQ(scrape(milliseconds(70300), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(77), {peer(1)}), "T");
}

TEST_F(BirthRegisterTest, RequestsByHandDoNotHideTheServersPace) {
  keep_pace(seconds(0), seconds(60), seconds(15));
  keep_pace(seconds(61), seconds(74), seconds(1));
  EXPECT_EQ(scrape(seconds(75), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(76), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(90), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(91), {peer(1)}), "T");
}

TEST_F(BirthRegisterTest, GapsOfLongAgoAreForgotten) {
  keep_pace(seconds(0), seconds(240), seconds(60));
  keep_pace(seconds(245), seconds(900), seconds(5));
  EXPECT_EQ(scrape(seconds(901), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(907), {peer(1)}), "T");
}

TEST_F(BirthRegisterTest, LongestStayAtZeroIsTwoMinutes) {
  keep_pace(seconds(0), seconds(3600), seconds(1800));
  EXPECT_EQ(scrape(seconds(3601), {peer(1)}), "0");
  EXPECT_EQ(scrape(milliseconds(3601000 + 119'999), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(3601 + 120), {peer(1)}), "T");
}

TEST_F(BirthRegisterTest, OnceGrownStaysGrownThoughGapsWiden) {
  keep_pace(seconds(0), seconds(10), seconds(1));
  EXPECT_EQ(scrape(seconds(11), {peer(1)}), "0");
  EXPECT_EQ(scrape(seconds(13), {peer(1)}), "T");
  EXPECT_EQ(scrape(seconds(100), {peer(1)}), "T");
  EXPECT_EQ(scrape(seconds(101), {peer(1)}), "T");
}

TEST_F(BirthRegisterTest, PeerThatCameBackIsBornAgain) {
  EXPECT_EQ(scrape(seconds(0), {peer(1), peer(2), kOther}), "000");
  EXPECT_EQ(scrape(seconds(5), {peer(1), peer(2), kOther}), "TTT");
  EXPECT_EQ(scrape(seconds(10), {peer(2)}), "T");
  EXPECT_EQ(scrape(seconds(15), {peer(1), peer(2), kOther}), "0T0");
}

// Forgotten and met again between two scrapes: its counters fell to what it has now.
TEST_F(BirthRegisterTest, PeerThatLivesAnewIsBornAgain) {
  keep_pace(seconds(0), seconds(20), seconds(10));
  EXPECT_EQ(scrape(seconds(30), {peer(1), peer(2)}), "00");
  EXPECT_EQ(scrape(seconds(41), {peer(1), peer(2)}), "TT");
  next_life_of(peer(2));
  EXPECT_EQ(scrape(seconds(51), {peer(1), peer(2)}), "T0");
  EXPECT_EQ(scrape(seconds(63), {peer(1), peer(2)}), "TT");
}

TEST_F(BirthRegisterTest, NewPeersAmongOldOnesKeepTheirOwnTime) {
  keep_pace(seconds(0), seconds(20), seconds(10));
  EXPECT_EQ(scrape(seconds(30), {peer(5)}), "0");
  EXPECT_EQ(scrape(seconds(38), {peer(2), peer(5), peer(9)}), "000");
  EXPECT_EQ(scrape(seconds(41), {peer(1), peer(2), peer(5), peer(9)}), "00T0");
  EXPECT_EQ(scrape(seconds(49), {peer(1), peer(2), peer(5), peer(9)}), "0TTT");
}

}  // namespace
}  // namespace lossgazer
