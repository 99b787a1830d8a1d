#pragma once

#include <cstdint>

namespace podsandbox::journal {

/// What something that was written down survives.
enum class Survives : std::uint8_t {
  process,    ///< any death of this process; the disk is not waited for
  power_cut,  ///< that of the machine, too
};

}  // namespace podsandbox::journal
