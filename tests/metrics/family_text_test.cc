#include "metrics/family_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace lossgazer {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// The serializer's own text, into a stream that is nobody's.
std::string plain(const std::vector<MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

std::string ours(std::vector<MetricFamily> families, size_t expected = 0) {
  FamilyText text(expected);
  for (MetricFamily& family : families) text.add(std::move(family));
  return text.take();
}

MetricFamily family_of(MetricType type, std::vector<ClientMetric> metrics) {
  MetricFamily family;
  family.name = "name";
  family.help = "What it is.";
  family.type = type;
  family.metric = std::move(metrics);
  return family;
}

ClientMetric metric_of(double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = metric.gauge.value = value;
  metric.summary = {.sample_count = 7, .sample_sum = value, .quantile = {{0.5, value}}};
  metric.histogram = {
      .sample_count = 7, .sample_sum = value, .bucket = {{1, 0.001}, {2, 1.0}, {7, value}}};
  return metric;
}

TEST(FamilyText, NumbersAreTheSerializersOwn) {
  using Limits = std::numeric_limits<double>;
  std::vector<ClientMetric> metrics;
  for (double value : {0.0,
                       -0.0,
                       1.0,
                       -1.0,
                       42.0,
                       0.1,
                       1.5,
                       123456789.0,
                       1e9 + 0.25,
                       1792000000.123456,
                       99999999999999.0,
                       999999999999999.0,
                       1e15,
                       1e15 + 1,
                       9999999999999998.0,
                       1e16,
                       9007199254740993.0,
                       1e17,
                       1e300,
                       1e-5,
                       -1e15,
                       Limits::min(),
                       Limits::max(),
                       Limits::infinity(),
                       -Limits::infinity(),
                       Limits::quiet_NaN(),
                       static_cast<double>(UINT64_MAX),
                       static_cast<double>(INT64_MAX)}) {
    metrics.push_back(metric_of(value));
  }
  for (MetricType type : {MetricType::Counter, MetricType::Gauge, MetricType::Summary,
                          MetricType::Histogram, MetricType::Untyped}) {
    const MetricFamily family = family_of(type, metrics);
    EXPECT_EQ(ours({family}), plain({family}));
  }
}

TEST(FamilyText, LabelsAreTheSerializersOwn) {
  const std::vector<ClientMetric> metrics = {
      metric_of(1),
      metric_of(2, {{"peer", "192.0.2.1"}}),
      metric_of(3, {{"peer", "2001:db8::1"}, {"direction", "egress"}}),
      metric_of(4, {{"peer", ""}, {"direction", ""}, {"side", ""}}),
      metric_of(5, {{"peer", "one \"quoted\""}, {"direction", "egress"}}),
      metric_of(6, {{"peer", "back\\slash"}, {"direction", "two\nlines"}, {"side", "local"}}),
      metric_of(7, {{"peer", "Zürich, {=}"}, {"direction", "egress"}, {"side", "local"}}),
  };
  for (MetricType type : {MetricType::Counter, MetricType::Gauge, MetricType::Summary,
                          MetricType::Histogram, MetricType::Untyped}) {
    const MetricFamily family = family_of(type, metrics);
    EXPECT_EQ(ours({family, family}), plain({family, family}));
  }
}

TEST(FamilyText, RoomThatWasTooLittleOrTooMuchChangesNothing) {
  const MetricFamily family = family_of(MetricType::Gauge, {metric_of(1), metric_of(0.5)});
  EXPECT_EQ(ours({family}, 1), plain({family}));
  EXPECT_EQ(ours({family}, 1 << 20), plain({family}));
  EXPECT_EQ(ours({}), "");
}

}  // namespace
}  // namespace lossgazer
