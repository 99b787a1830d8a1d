#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace podsandbox::bench {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

/// The value that the given share (0 to 1) of the samples do not exceed; 0 of none.
inline Nanoseconds quantile(std::vector<Nanoseconds> samples, double share) {
  if (samples.empty()) return {};
  const auto last = samples.size() - 1;
  const auto index = std::min(last, static_cast<std::size_t>(share * static_cast<double>(samples.size())));
  const auto place = samples.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(samples.begin(), place, samples.end());
  return *place;
}

/// What is reported of durations that were measured one by one.
struct Quantiles {
  double median = 0;  ///< microseconds
  double p99 = 0;     ///< microseconds
};

inline Quantiles quantiles(const std::vector<Nanoseconds>& samples) {
  const auto microseconds = [](Nanoseconds t) {
    return std::chrono::duration<double, std::micro>(t).count();
  };
  return {microseconds(quantile(samples, 0.5)), microseconds(quantile(samples, 0.99))};
}

inline void append(std::vector<Nanoseconds>& all, const std::vector<Nanoseconds>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace podsandbox::bench
