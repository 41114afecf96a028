#include "analyzer/kernel_agreement.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

namespace lossgazer {
namespace {

using std::chrono::seconds;

struct Counted {
  uint64_t ours = 0;
  uint64_t kernel = 0;
  uint64_t misses = 0;
  uint64_t strays = 0;
};

// Adds a sample every five seconds, and what was counted in between.
class Audit {
 public:
  void passes(seconds time, const Counted& in_each_step = {}) {
    for (const CaptureTime end = sample_.time + time; sample_.time < end;) {
      sample_.time += seconds(5);
      sample_.ours += in_each_step.ours;
      sample_.kernel += in_each_step.kernel;
      sample_.misses += in_each_step.misses;
      sample_.strays += in_each_step.strays;
      agreement_.add(sample_);
    }
  }
  void restarts() { agreement_.restart(); }
  [[nodiscard]] std::optional<double> ratio() const { return agreement_.ratio(); }

 private:
  AgreementSample sample_;
  KernelAgreement agreement_;
};

TEST(KernelAgreement, IsOursOverTheKernels) {
  Audit audit;
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), std::nullopt);
  audit.passes(seconds(5), {.ours = 90, .kernel = 100});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 0.9);
}

TEST(KernelAgreement, OfFewRetransmissionsNothingIsTold) {
  Audit audit;
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 0, .kernel = KernelAgreement::kEnough - 1});
  audit.passes(seconds(60));
  EXPECT_EQ(audit.ratio(), std::nullopt);
  audit.passes(seconds(5), {.ours = 0, .kernel = 1});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 0);
}

TEST(KernelAgreement, OursAloneIsInfinitelyMuch) {
  Audit audit;
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 60, .kernel = 0});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), std::numeric_limits<double>::infinity());
}

// We learn of a packet a little later than the kernel that sends it.
TEST(KernelAgreement, EdgesWaitUntilBothCountsRest) {
  Audit audit;
  audit.passes(seconds(30));
  for (int i = 0; i < 4; ++i) {
    audit.passes(seconds(5), {.ours = 0, .kernel = 100});
    audit.passes(seconds(5), {.ours = 100, .kernel = 0});
    EXPECT_TRUE(audit.ratio().value_or(1) == 1);
    audit.passes(seconds(10));
  }
  EXPECT_EQ(audit.ratio(), 1);
}

TEST(KernelAgreement, CountsThatNeverRestAreComparedAllTheSame) {
  Audit audit;
  audit.passes(seconds(120), {.ours = 95, .kernel = 100});
  EXPECT_EQ(audit.ratio(), 0.95);
}

// What was sent before we looked may be sent again after, and we cannot know.
TEST(KernelAgreement, TheFirstSecondsAreLeftOut) {
  Audit audit;
  audit.passes(seconds(10), {.ours = 0, .kernel = 1000});
  audit.passes(seconds(15));
  audit.passes(seconds(5), {.ours = 100, .kernel = 100});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 1);
}

TEST(KernelAgreement, AMissBeginsANewWindow) {
  Audit audit;
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 50, .kernel = 100});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 0.5);
  audit.passes(seconds(5), {.misses = 1});
  EXPECT_EQ(audit.ratio(), std::nullopt);
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 100, .kernel = 100});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 1);
}

TEST(KernelAgreement, RestartForgetsAll) {
  Audit audit;
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 50, .kernel = 100});
  audit.passes(seconds(30));
  audit.restarts();
  EXPECT_EQ(audit.ratio(), std::nullopt);
  audit.passes(seconds(60));
  EXPECT_EQ(audit.ratio(), std::nullopt);
}

TEST(KernelAgreement, FewStraysAreBorneAndManyAreNot) {
  Audit audit;
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 100, .kernel = 100, .strays = 2});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 1);
  audit.passes(seconds(10), {.strays = 1});
  audit.passes(seconds(10));
  EXPECT_EQ(audit.ratio(), std::nullopt);
}

TEST(KernelAgreement, ForgetsWhatIsLongAgo) {
  Audit audit;
  audit.passes(seconds(30));
  audit.passes(seconds(5), {.ours = 0, .kernel = 100});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 0);
  audit.passes(KernelAgreement::kLongest / seconds(1) * seconds(1));
  EXPECT_EQ(audit.ratio(), std::nullopt);
  audit.passes(seconds(5), {.ours = 100, .kernel = 100});
  audit.passes(seconds(30));
  EXPECT_EQ(audit.ratio(), 1);
}

}  // namespace
}  // namespace lossgazer
