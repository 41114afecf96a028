#include "analyzer/kernel_agreement.h"

#include <algorithm>

namespace lossgazer {

void KernelAgreement::add(const AgreementSample& now) {
  const bool goes_on = last_ && now.misses == last_->misses && now.ours >= last_->ours &&
                       now.kernel >= last_->kernel && now.strays >= last_->strays;
  const bool at_rest = goes_on && now.ours == last_->ours && now.kernel == last_->kernel;
  if (!goes_on) {
    restart();
    begun_ = now.time;
  }
  last_ = now;
  // The first step is left out: what was first sent before it may be sent again in it, and we
  // could not know.
  const Duration since = now.time - (edges_.empty() ? begun_ : edges_.back().time);
  if (since < (at_rest ? kStep : kPatience)) return;
  edges_.push_back(now);
  while (now.time - edges_.front().time > kLongest) edges_.pop_front();
}

void KernelAgreement::restart() {
  last_.reset();
  edges_.clear();
}

std::optional<double> KernelAgreement::ratio() const {
  if (edges_.empty()) return std::nullopt;
  const AgreementSample& begin = edges_.front();
  const AgreementSample& end = edges_.back();
  const uint64_t ours = end.ours - begin.ours;
  const uint64_t kernel = end.kernel - begin.kernel;
  const uint64_t most = std::max(ours, kernel);
  if (end.time - begin.time < kShortest || most < kEnough ||
      (end.strays - begin.strays) > most / kStrayShare) {
    return std::nullopt;
  }
  return static_cast<double>(ours) / static_cast<double>(kernel);
}

}  // namespace lossgazer
