#include "tests/lab/impairment.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace lossgazer::lab {
namespace {

constexpr double kBitsPerByte = 8;

Nanoseconds parse_duration(const std::string& text) {
  size_t length = 0;
  const double count = std::stod(text, &length);
  const std::string unit = text.substr(length);
  const double in_ns = unit == "us" ? 1e3 : unit == "ms" ? 1e6 : unit == "s" ? 1e9 : 0;
  if (in_ns == 0) throw std::invalid_argument("not a duration such as 10ms: " + text);
  return Nanoseconds(std::llround(count * in_ns));
}

}  // namespace

Impairment Impairment::parse(std::string_view text) {
  Impairment impairment;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string word(text.substr(begin, end - begin));
    begin = end + 1;
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (name == "acks") {
      impairment.victims = Victims::kAcks;
    } else if (name == "data") {
      impairment.victims = Victims::kData;
    } else if (name == "shuffle") {
      impairment.shuffle = true;
    } else if (name == "loss") {
      impairment.loss = std::stod(value);
    } else if (name == "burst") {
      impairment.burst = std::stod(value);
    } else if (name == "burst_length") {
      impairment.burst_length = std::stod(value);
    } else if (name == "duplicate") {
      impairment.duplicate = std::stod(value);
    } else if (name == "copy_delay") {
      impairment.copy_delay = parse_duration(value);
    } else if (name == "delay") {
      impairment.delay = parse_duration(value);
    } else if (name == "jitter") {
      impairment.jitter = parse_duration(value);
    } else if (name == "reorder") {
      impairment.reorder = std::stod(value);
    } else if (name == "reorder_delay") {
      impairment.reorder_delay = parse_duration(value);
    } else if (name == "rate") {
      impairment.rate = std::stoull(value);
    } else if (name == "queue") {
      impairment.queue = std::stoull(value);
    } else {
      throw std::invalid_argument("unknown impairment: " + word);
    }
  }
  return impairment;
}

Stretch::Fate Stretch::enter(Nanoseconds now, size_t wire_bytes, bool is_pure_ack) {
  Fate fate;
  if (loses(is_pure_ack)) {
    fate.loss = Loss::kLot;
    return fate;
  }
  Nanoseconds through = now;
  if (impairment_.rate > 0) {
    while (!departures_.empty() && departures_.front() <= now) departures_.pop_front();
    if (departures_.size() >= impairment_.queue) {
      fate.loss = Loss::kQueue;
      return fate;
    }
    const Nanoseconds begins = departures_.empty() ? now : departures_.back();
    const double seconds =
        static_cast<double>(wire_bytes) * kBitsPerByte / static_cast<double>(impairment_.rate);
    through = begins + Nanoseconds(std::llround(seconds * 1e9));
    departures_.push_back(through);
  }
  Nanoseconds arrival = through + impairment_.delay + draw_up_to(impairment_.jitter);
  if (!impairment_.shuffle) arrival = std::max(arrival, last_arrival_);
  last_arrival_ = std::max(arrival, last_arrival_);
  // Held back apart from the others, which overtake it.
  if (draw(impairment_.reorder)) arrival += draw_up_to(impairment_.reorder_delay);
  fate.arrivals.push_back(arrival);
  if (draw(impairment_.duplicate)) {
    fate.arrivals.push_back(arrival + draw_up_to(impairment_.copy_delay));
  }
  return fate;
}

Nanoseconds Stretch::draw_up_to(Nanoseconds most) {
  if (most == Nanoseconds::zero()) return most;
  return Nanoseconds(std::llround(share_(random_) * static_cast<double>(most.count())));
}

bool Stretch::loses(bool is_pure_ack) {
  const bool victim = impairment_.victims == Impairment::Victims::kAll ||
                      (impairment_.victims == Impairment::Victims::kAcks) == is_pure_ack;
  if (!victim) return false;
  if (burst_left_ == 0 && draw(impairment_.burst)) {
    burst_left_ = 1 + std::geometric_distribution<size_t>(1 / impairment_.burst_length)(random_);
  }
  if (burst_left_ > 0) {
    --burst_left_;
    return true;
  }
  return draw(impairment_.loss);
}

}  // namespace lossgazer::lab
