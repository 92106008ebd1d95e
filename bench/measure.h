#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hadal::bench {

// What programs that measure share.

/// Of values, not empty.
inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Normally distributed, the same in every run.
inline std::vector<float> RandomValues(int64_t count) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

/// A line of /proc/self/status that is in kB ("VmHWM", "RssAnon"), in bytes; 0 where it is absent.
inline int64_t StatusBytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key; status.ignore(1 << 10, '\n')) {
    int64_t kib = 0;
    if (key == name + ":" && status >> kib) return kib << 10;
  }
  return 0;
}

/// What was found; where there is none, says why on standard error and ends the process with 1.
template <typename T>
T OrExit(StatusOr<T> found) {
  if (!found.ok()) {
    std::fprintf(stderr, "%s\n", std::string(found.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(found);
}

}  // namespace hadal::bench
