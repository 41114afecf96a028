// Metric families as text, by prometheus-cpp's serializer. That writes label values letter by
// letter and numbers through printf(), which is most of what a large scrape costs: it is given the
// same in fewer and shorter steps.
#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <ostream>
#include <streambuf>
#include <string>
#include <vector>

namespace lossgazer {

// Not thread-safe.
class FamilyText {
 public:
  // For `expected` bytes there is room from the start: growing copies megabytes.
  explicit FamilyText(size_t expected);

  void add(prometheus::MetricFamily&& family);
  // What was added so far. Nothing is to be added after it.
  [[nodiscard]] std::string take() { return std::move(buffer_.text); }

 private:
  // Appends to a string. The serializer asks for the classic locale; it gets that, with another
  // way to print whole numbers.
  struct Buffer : std::streambuf {
    std::string text;
    std::ostream* stream = nullptr;

   protected:
    std::streamsize xsputn(const char* from, std::streamsize size) override;
    int_type overflow(int_type letter) override;
    void imbue(const std::locale& locale) override;
  };

  Buffer buffer_;
  std::ostream out_;
  prometheus::TextSerializer serializer_;
  std::vector<prometheus::MetricFamily> one_;
};

}  // namespace lossgazer
