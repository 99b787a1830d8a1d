#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace podsandbox::journal {

/// Tells a row that the disk changed from one that was written: SQLite notices damage to its own structures,
/// not to what is in them. (FNV-1a, which never misses a change of one byte.)
inline std::int64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 14695981039346656037U;
  for (const char byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  return static_cast<std::int64_t>(sum);
}

/// Of the row of table `journal`.
inline std::int64_t header_sum(std::string_view boot_id, std::int64_t first_sequence) {
  return checksum(std::string(boot_id) + ' ' + std::to_string(first_sequence));
}

}  // namespace podsandbox::journal
