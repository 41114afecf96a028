#include "analyzer/peer_ledger.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace lossgazer {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr double kClearlyHeavier = 2;
constexpr double kHeavierAtLeast = 16;
constexpr Duration kCandidacy = seconds(5);
constexpr Duration kStay = seconds(10);
constexpr Duration kReviewInterval = seconds(1);
constexpr Duration kAllChange = minutes(10);
constexpr double kFewChanges = 8;
constexpr size_t kFewCandidates = 4096;
// A candidate this light is forgotten: a single packet, after a minute.
constexpr double kNothing = 0.5;

double fraction(Duration part, Duration whole) {
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

}  // namespace

void PeerLedger::Entry::add(const PeerRow& delta, CaptureTime now) {
  for (size_t i = 0; i < counters.size(); ++i) {
    counters[i] += delta.counters[i];
    if (delta.counters[i].packets > 0) last_counted = now;
  }
  weight.add(delta.counters, now);
}

void PeerLedger::add(std::span<const PeerRow> deltas, CaptureTime now) {
  struct Newcomer {
    double weight;
    const PeerRow* delta;
  };
  std::vector<Newcomer> newcomers;
  for (const PeerRow& delta : deltas) {
    // A flow that waits for its fate to be known was looked at, and nothing came of it.
    if (delta.counters == std::array<LossCounters, 2>{}) continue;
    if (const auto known = entries_.find(delta.key); known != entries_.end()) {
      known->second.add(delta, now);
    } else if (delta.key.kind == PeerKey::Kind::kOther) {
      admit(delta.key, now).add(delta, now);
    } else {
      newcomers.push_back({0, &delta});
    }
  }
  const size_t room = peers_max_ - std::min(peers_max_, peers());
  if (newcomers.size() > room && room > 0) {
    for (Newcomer& newcomer : newcomers) {
      PeerWeight weight;
      const auto known = candidates_.find(newcomer.delta->key);
      if (known != candidates_.end()) weight = known->second.weight;
      weight.add(newcomer.delta->counters, now);
      newcomer.weight = weight.at(now);
    }
    std::ranges::stable_sort(newcomers, std::greater<>(), &Newcomer::weight);
  }
  for (const Newcomer& newcomer : newcomers) {
    // One that more than one shard met is not new any more.
    const auto known = entries_.find(newcomer.delta->key);
    if (known != entries_.end()) {
      known->second.add(*newcomer.delta, now);
    } else if (peers() < peers_max_) {
      admit(newcomer.delta->key, now).add(*newcomer.delta, now);
    } else {
      count_as_other(*newcomer.delta, now);
    }
  }
  forget_lightest_candidates(now);
}

void PeerLedger::expire(CaptureTime now) {
  for (auto place = entries_.begin(); place != entries_.end();) {
    const auto next = std::next(place);
    const bool idle =
        place->first.kind != PeerKey::Kind::kOther && now - place->second.last_counted > ttl_;
    if (idle) depart(place, now, PeerExpiry::kIdle);
    place = next;
  }
  if (now - reviewed_ < kReviewInterval) return;
  const double all_rows = static_cast<double>(peers_max_) + kFewChanges;
  changes_left_ =
      std::min(changes_at_once(), changes_left_ + all_rows * fraction(now - reviewed_, kAllChange));
  reviewed_ = now;
  let_heavier_in(now);
}

void PeerLedger::set_limits(size_t peers_max, Duration ttl, CaptureTime now) {
  peers_max_ = peers_max;
  ttl_ = ttl;
  changes_left_ = std::min(changes_left_, changes_at_once());
  if (peers() <= peers_max_) return;
  size_t too_many = peers() - peers_max_;
  for (const auto& [weight, place] : lightest_first(now, now)) {
    if (too_many-- == 0) break;
    depart(place, now, PeerExpiry::kOverflow);
  }
  forget_lightest_candidates(now);
}

std::vector<PeerRow> PeerLedger::rows() const {
  std::vector<PeerRow> rows;
  rows.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) rows.push_back({key, entry.counters, entry.life});
  return rows;
}

size_t PeerLedger::candidates_max() const { return std::max(kFewCandidates, 2 * peers_max_); }

double PeerLedger::changes_at_once() const {
  return static_cast<double>(peers_max_) / 2 + kFewChanges;
}

PeerLedger::Entry& PeerLedger::admit(const PeerKey& key, CaptureTime now) {
  if (key.kind == PeerKey::Kind::kOther) has_other_ = true;
  Entry entry{.counters = {}, .last_counted = now, .admitted = now, .weight = {}, .life = ++lives_};
  if (const auto candidate = candidates_.find(key); candidate != candidates_.end()) {
    entry.weight = candidate->second.weight;
    candidates_.erase(candidate);
  }
  return entries_.emplace(key, entry).first->second;
}

void PeerLedger::count_as_other(const PeerRow& delta, CaptureTime now) {
  const PeerKey other{.kind = PeerKey::Kind::kOther};
  const auto known = entries_.find(other);
  (known == entries_.end() ? admit(other, now) : known->second).add(delta, now);
  const auto [candidate, is_new] =
      candidates_.try_emplace(delta.key, Candidate{.weight = {}, .since = now});
  candidate->second.weight.add(delta.counters, now);
  if (is_new) ++expired_[static_cast<size_t>(PeerExpiry::kOverflow)];
}

void PeerLedger::depart(Entries::iterator place, CaptureTime now, PeerExpiry reason) {
  const Entry& entry = place->second;
  for (size_t i = 0; i < departed_.size(); ++i) departed_[i] += entry.counters[i];
  ++expired_[static_cast<size_t>(reason)];
  if (reason == PeerExpiry::kOverflow) {
    candidates_.insert_or_assign(place->first, Candidate{.weight = entry.weight, .since = now});
  }
  entries_.erase(place);
}

void PeerLedger::forget_lightest_candidates(CaptureTime now) {
  if (candidates_.size() <= candidates_max()) return;
  std::vector<std::pair<double, Candidates::iterator>> all;
  all.reserve(candidates_.size());
  for (auto each = candidates_.begin(); each != candidates_.end(); ++each) {
    all.emplace_back(each->second.weight.at(now), each);
  }
  // Some more than it must be, so that it is not done for every newcomer.
  const auto kept = all.begin() + static_cast<std::ptrdiff_t>(candidates_max() / 4 * 3);
  std::ranges::nth_element(all, kept, std::greater<>(), &decltype(all)::value_type::first);
  for (auto each = kept; each != all.end(); ++each) candidates_.erase(each->second);
}

void PeerLedger::let_heavier_in(CaptureTime now) {
  std::erase_if(candidates_,
                [&](const auto& candidate) { return candidate.second.weight.at(now) < kNothing; });
  std::vector<std::pair<double, Candidates::const_iterator>> heaviest_first;
  for (auto each = candidates_.cbegin(); each != candidates_.cend(); ++each) {
    const double weight = each->second.weight.at(now);
    if (weight >= kHeavierAtLeast && now - each->second.since >= kCandidacy) {
      heaviest_first.emplace_back(weight, each);
    }
  }
  if (heaviest_first.empty()) return;
  std::ranges::stable_sort(heaviest_first, std::greater<>(),
                           &decltype(heaviest_first)::value_type::first);
  const auto places = lightest_first(now, now - kStay);
  const size_t pairs = std::min(places.size(), heaviest_first.size());
  for (size_t i = 0; i < pairs && changes_left_ >= 1; ++i) {
    const auto& [held, place] = places[i];
    const auto& [weight, candidate] = heaviest_first[i];
    if (weight < kClearlyHeavier * held + kHeavierAtLeast) break;
    const PeerKey key = candidate->first;
    depart(place, now, PeerExpiry::kOverflow);
    admit(key, now);
    --changes_left_;
  }
  forget_lightest_candidates(now);
}

std::vector<std::pair<double, PeerLedger::Entries::iterator>> PeerLedger::lightest_first(
    CaptureTime now, CaptureTime latest) {
  std::vector<std::pair<double, Entries::iterator>> places;
  places.reserve(entries_.size());
  for (auto place = entries_.begin(); place != entries_.end(); ++place) {
    if (place->first.kind == PeerKey::Kind::kOther || place->second.admitted > latest) continue;
    places.emplace_back(place->second.weight.at(now), place);
  }
  std::ranges::stable_sort(places, {}, &decltype(places)::value_type::first);
  return places;
}

}  // namespace lossgazer
