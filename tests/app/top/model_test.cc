#include "app/top/model.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/app/top/boards.h"

namespace lossgazer {
namespace {

using std::chrono::seconds;
using test::board_of;
using test::board_peer;
using test::shared;
using testing::ElementsAre;
using testing::IsEmpty;

class Model : public testing::Test {
 protected:
  void take(std::vector<BoardPeer> peers) { model_.take(shared(board_of(std::move(peers))), now_); }
  bool press(KeyKind kind) { return model_.press({.kind = kind}, 2, now_); }
  bool type(const std::string& characters) {
    bool goes_on = true;
    for (const char c : characters) goes_on = model_.press({.text = {c}}, 2, now_);
    return goes_on;
  }
  std::vector<std::string> shown() const {
    std::vector<std::string> names;
    for (const BoardPeer* peer : model_.rows()) names.push_back(peer->peer);
    return names;
  }
  std::string selected() const { return model_.rows().at(model_.selected())->peer; }

  TopModel::Time now_{seconds(100)};
  TopModel model_{"test"};
};

TEST_F(Model, OrdersByLossAsTheBoardDoesAndByTrafficAndRtt) {
  take({board_peer("a", 9, 10, 0.001), board_peer("b", 5, 30, 0.002),
        board_peer("c", 0, 20, 0.003)});
  EXPECT_THAT(shown(), ElementsAre("a", "b", "c"));
  type("t");
  EXPECT_THAT(shown(), ElementsAre("b", "c", "a"));
  type("r");
  EXPECT_THAT(shown(), ElementsAre("c", "b", "a"));
  type("l");
  EXPECT_THAT(shown(), ElementsAre("a", "b", "c"));
}

TEST_F(Model, FiltersByAddressNameAndLabel) {
  std::vector<BoardPeer> peers = {board_peer("192.0.2.1", 1), board_peer("192.0.2.2", 0),
                                  board_peer("198.51.100.3", 0)};
  peers[2].name = "Db.example";
  peers[2].labels = "port 443";
  take(peers);
  type("/192");
  EXPECT_TRUE(model_.filter_is_typed());
  EXPECT_THAT(shown(), ElementsAre("192.0.2.1", "192.0.2.2"));
  press(KeyKind::kErase);
  press(KeyKind::kErase);
  press(KeyKind::kErase);
  type("db.");
  EXPECT_THAT(shown(), ElementsAre("198.51.100.3"));
  press(KeyKind::kEnter);
  EXPECT_FALSE(model_.filter_is_typed());
  take(peers);
  EXPECT_THAT(shown(), ElementsAre("198.51.100.3"));
  press(KeyKind::kEscape);
  EXPECT_EQ(shown().size(), 3U);
  type("/q");  // a letter of the filter, not the end
  EXPECT_THAT(shown(), IsEmpty());
  press(KeyKind::kEscape);
  type("o");
  EXPECT_THAT(shown(), ElementsAre("192.0.2.1"));
}

TEST_F(Model, TheSelectionStaysWithItsPeerButTheFirstRowIsAPlace) {
  take({board_peer("a", 9), board_peer("b", 5), board_peer("c", 0)});
  EXPECT_EQ(selected(), "a");
  take({board_peer("b", 9), board_peer("a", 5), board_peer("c", 0)});
  EXPECT_EQ(selected(), "b");
  press(KeyKind::kDown);
  EXPECT_EQ(selected(), "a");
  take({board_peer("a", 9), board_peer("c", 5), board_peer("b", 0)});
  EXPECT_EQ(selected(), "a");
  press(KeyKind::kEnd);
  take({board_peer("a", 9)});
  EXPECT_EQ(selected(), "a");
  press(KeyKind::kUp);
  press(KeyKind::kPageUp);
  press(KeyKind::kDown);
  EXPECT_EQ(model_.selected(), 0U);
}

TEST_F(Model, FrozenItShowsWhatItShowedAndThenTheLatest) {
  take({board_peer("a", 1)});
  type("f");
  EXPECT_EQ(model_.frozen(), now_);
  take({board_peer("b", 1)});
  take({board_peer("c", 1)});
  EXPECT_THAT(shown(), ElementsAre("a"));
  type("f");
  EXPECT_FALSE(model_.frozen());
  EXPECT_THAT(shown(), ElementsAre("c"));
}

TEST_F(Model, IsOldWhileNothingComesAndNotThereafter) {
  take({board_peer("a", 1)});
  model_.miss("Connection refused");
  EXPECT_EQ(model_.missed(), "Connection refused");
  EXPECT_THAT(shown(), ElementsAre("a"));
  now_ += seconds(7);
  take({board_peer("b", 1)});
  EXPECT_EQ(model_.missed(), "");
  EXPECT_EQ(model_.board_came(), now_);
}

TEST_F(Model, DetailsFollowTheirPeerAndOutliveIt) {
  take({board_peer("a", 9), board_peer("b", 5)});
  press(KeyKind::kDown);
  press(KeyKind::kEnter);
  EXPECT_EQ(model_.view(), TopModel::View::kDetails);
  take({board_peer("b", 9), board_peer("a", 5)});
  ASSERT_NE(model_.detailed(), nullptr);
  EXPECT_EQ(model_.detailed()->peer, "b");
  take({board_peer("a", 5)});
  EXPECT_EQ(model_.detailed(), nullptr);
  EXPECT_TRUE(type("q"));
  EXPECT_EQ(model_.view(), TopModel::View::kPeers);
  EXPECT_FALSE(type("q"));
}

TEST_F(Model, NothingIsSelectedWhereThereIsNothing) {
  for (const KeyKind kind : {KeyKind::kUp, KeyKind::kDown, KeyKind::kPageUp, KeyKind::kPageDown,
                             KeyKind::kHome, KeyKind::kEnd, KeyKind::kEnter, KeyKind::kErase}) {
    EXPECT_TRUE(press(kind));
  }
  EXPECT_EQ(model_.view(), TopModel::View::kPeers);
  EXPECT_EQ(model_.selected(), 0U);
}

}  // namespace
}  // namespace lossgazer
