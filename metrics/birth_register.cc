#include "metrics/birth_register.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace lossgazer {
namespace {

constexpr std::chrono::minutes kGeneration{5};
constexpr std::chrono::minutes kZeroMax{2};

}  // namespace

template <typename Row>
std::vector<bool> BirthRegister<Row>::scrape(std::span<const Row> rows, Clock::time_point now) {
  assert(std::ranges::is_sorted(rows, {}, &Row::key));
  const Clock::duration wait = time_at_zero();
  std::vector<bool> grown;
  grown.reserve(rows.size());
  std::vector<Entry> entries;
  entries.reserve(rows.size());
  auto old = entries_.cbegin();
  for (const Row& row : rows) {
    while (old != entries_.cend() && old->key < row.key) ++old;
    Entry entry{row.key, row.life, now};
    if (old != entries_.cend() && old->key == row.key && old->life == row.life) {
      entry.born = old->born;
      entry.grown = old->grown || now - old->born >= wait;
    }
    grown.push_back(entry.grown);
    entries.push_back(entry);
  }
  entries_ = std::move(entries);
  note_gap(now);
  return grown;
}

template <typename Row>
typename BirthRegister<Row>::Clock::duration BirthRegister<Row>::time_at_zero() const {
  const Clock::duration gap = std::max(largest_gap_, largest_gap_earlier_);
  return std::min<Clock::duration>(gap + gap / 16, kZeroMax);
}

// Only after the scrape was judged: the gap that ends with it is not what servers were known to
// keep.
template <typename Row>
void BirthRegister<Row>::note_gap(Clock::time_point now) {
  if (!last_scrape_) generation_start_ = now;
  if (now - generation_start_ >= kGeneration) {
    largest_gap_earlier_ = std::exchange(largest_gap_, {});
    generation_start_ = now;
  }
  if (last_scrape_) largest_gap_ = std::max(largest_gap_, now - *last_scrape_);
  last_scrape_ = now;
}

template class BirthRegister<PeerRow>;
template class BirthRegister<RetransmitRow>;

}  // namespace lossgazer
