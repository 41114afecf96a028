#include "app/top/model.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <utility>

namespace lossgazer {
namespace {

// Without regard to the case of ASCII letters.
bool contains(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return part.empty() ||
         std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

// Of both directions, the greater.
double greatest(const BoardPeer& peer, double (*read)(const BoardWay&)) {
  return std::max(read(peer.ways[0]), read(peer.ways[1]));
}

double bytes(const BoardWay& way) { return way.known ? way.payload_bytes_per_second : -1; }
double packets(const BoardWay& way) { return way.known ? way.packets_per_second : -1; }
double rtt(const BoardWay& way) { return way.rtt_seconds.value_or(-1); }

bool loses(const BoardPeer& peer) {
  return std::ranges::any_of(peer.ways, [](const BoardWay& way) {
    return way.worst() != nullptr || way.unanswered_segments > 0;
  });
}

}  // namespace

void TopModel::take(std::shared_ptr<const Board> board, Time now) {
  missed_.clear();
  if (frozen_) {
    waiting_ = std::move(board);
    waiting_came_ = now;
    return;
  }
  board_ = std::move(board);
  board_came_ = now;
  arrange();
}

void TopModel::miss(std::string why) { missed_ = std::move(why); }

const BoardPeer* TopModel::detailed() const {
  if (!board_) return nullptr;
  const auto found = std::ranges::find(board_->peers, detailed_, &BoardPeer::identity);
  return found == board_->peers.end() ? nullptr : &*found;
}

void TopModel::arrange() {
  rows_.clear();
  if (!board_) return;
  for (const BoardPeer& peer : board_->peers) {
    if (lossy_only_ && !loses(peer)) continue;
    if (contains(peer.peer, filter_) || contains(peer.name, filter_) ||
        contains(peer.labels, filter_)) {
      rows_.push_back(&peer);
    }
  }
  // By loss: as the board has them.
  const auto most_first = [&](double (*read)(const BoardWay&)) {
    std::ranges::stable_sort(rows_, std::greater<>(),
                             [read](const BoardPeer* peer) { return greatest(*peer, read); });
  };
  if (order_ == Measure::kTraffic) {
    most_first(packets);
    most_first(bytes);
  }
  if (order_ == Measure::kRtt) most_first(rtt);

  const auto found = std::ranges::find_if(rows_, [&](const BoardPeer* peer) {
    return !selected_identity_.empty() && peer->identity() == selected_identity_;
  });
  if (found != rows_.end()) {
    selected_ = static_cast<size_t>(found - rows_.begin());
  } else {
    selected_ = 0;
    selected_identity_.clear();
  }
}

// The first row is the place, whoever stands there; any other is that peer, wherever it goes.
void TopModel::select(size_t row) {
  selected_ = rows_.empty() ? 0 : std::min(row, rows_.size() - 1);
  selected_identity_ = selected_ == 0 ? "" : rows_[selected_]->identity();
}

bool TopModel::press(const Key& key, size_t page, Time now) {
  if (typing_) {
    type(key);
    return true;
  }
  if (key.kind == KeyKind::kText && key.text == "q") {
    if (view_ == View::kPeers) return false;
    show(View::kPeers);
    return true;
  }
  if (key.kind == KeyKind::kText && (key.text == "f" || key.text == " ")) {
    toggle_freeze(now);
    return true;
  }
  if (view_ == View::kPeers) return press_in_peers(key, page);
  press_in_text(key, page);
  return true;
}

bool TopModel::press_in_peers(const Key& key, size_t page) {
  const size_t step = std::max<size_t>(page, 1);
  switch (key.kind) {
    case KeyKind::kUp:
      select(selected_ - std::min<size_t>(selected_, 1));
      break;
    case KeyKind::kDown:
      select(selected_ + 1);
      break;
    case KeyKind::kPageUp:
      select(selected_ - std::min(selected_, step));
      break;
    case KeyKind::kPageDown:
      select(selected_ + step);
      break;
    case KeyKind::kHome:
      select(0);
      break;
    case KeyKind::kEnd:
      select(rows_.size());
      break;
    case KeyKind::kEnter:
      if (rows_.empty()) break;
      detailed_ = rows_[selected_]->identity();
      show(View::kDetails);
      break;
    case KeyKind::kEscape:
      filter_.clear();
      lossy_only_ = false;
      arrange();
      break;
    case KeyKind::kErase:
      break;
    case KeyKind::kText:
      if (key.text == "k") select(selected_ - std::min<size_t>(selected_, 1));
      if (key.text == "j") select(selected_ + 1);
      if (key.text == "l") order_ = Measure::kLoss;
      if (key.text == "t") order_ = Measure::kTraffic;
      if (key.text == "r") order_ = Measure::kRtt;
      if (key.text == "o") lossy_only_ = !lossy_only_;
      if (key.text == "/") typing_ = true;
      if (key.text == "?" || key.text == "h") show(View::kHelp);
      arrange();
      break;
  }
  return true;
}

// In details and help, which are read, and scrolled where they are longer than the screen.
void TopModel::press_in_text(const Key& key, size_t page) {
  const size_t step = std::max<size_t>(page, 1);
  switch (key.kind) {
    case KeyKind::kUp:
      scrolled_ -= std::min<size_t>(scrolled_, 1);
      break;
    case KeyKind::kDown:
      ++scrolled_;
      break;
    case KeyKind::kPageUp:
      scrolled_ -= std::min(scrolled_, step);
      break;
    case KeyKind::kPageDown:
      scrolled_ += step;
      break;
    case KeyKind::kHome:
      scrolled_ = 0;
      break;
    case KeyKind::kEnd:
      scrolled_ = SIZE_MAX / 2;
      break;
    case KeyKind::kEnter:
    case KeyKind::kEscape:
      show(View::kPeers);
      break;
    case KeyKind::kErase:
      break;
    case KeyKind::kText:
      if (key.text == "k") scrolled_ -= std::min<size_t>(scrolled_, 1);
      if (key.text == "j") ++scrolled_;
      if (key.text == "?" || key.text == "h") show(View::kHelp);
      break;
  }
}

void TopModel::type(const Key& key) {
  constexpr size_t kFilterMax = 64;
  switch (key.kind) {
    case KeyKind::kText:
      if (filter_.size() + key.text.size() <= kFilterMax) filter_ += printable(key.text);
      break;
    case KeyKind::kErase:
      while (!filter_.empty()) {
        const bool continues = (static_cast<unsigned char>(filter_.back()) & 0xc0U) == 0x80;
        filter_.pop_back();
        if (!continues) break;
      }
      break;
    case KeyKind::kEscape:
      filter_.clear();
      typing_ = false;
      break;
    case KeyKind::kEnter:
      typing_ = false;
      break;
    default:
      return;
  }
  arrange();
}

void TopModel::toggle_freeze(Time now) {
  if (!frozen_) {
    frozen_ = now;
    return;
  }
  frozen_.reset();
  if (!waiting_) return;
  board_ = std::exchange(waiting_, nullptr);
  board_came_ = waiting_came_;
  arrange();
}

void TopModel::show(View view) {
  view_ = view;
  scrolled_ = 0;
}

}  // namespace lossgazer
