#pragma once

#include <sys/types.h>

#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace podsandbox::bench {

/// The sum of the given fields of a file like /proc/meminfo, in KiB.
inline double kib(const std::string& path, const std::vector<std::string>& fields) {
  std::ifstream file(path);
  std::size_t found = 0;
  double sum = 0;
  for (std::string name; file >> name; file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    for (const auto& field : fields) {
      double value = 0;
      if (name != field + ":" || !(file >> value)) continue;
      sum += value;
      ++found;
    }
  }
  if (found != fields.size()) throw std::runtime_error(path + " lacks a field");
  return sum;
}

/// The memory that a process has for itself, and its share of what it shares, in KiB.
inline double pss(pid_t pid) {
  return kib("/proc/" + std::to_string(pid) + "/smaps_rollup", {"Pss"});
}

}  // namespace podsandbox::bench
