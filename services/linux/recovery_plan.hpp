#pragma once

#include <cstdint>
#include <optional>

#include "services/host/process_record.hpp"

/// What a next life of the daemon makes of what an earlier one has left of a sandbox. Pure.
namespace podsandbox::linux_runtime {

/// A process that the keeper has.
struct KeptProcess {
  int pid = 0;
  std::uint64_t start_time = 0;
  bool dead = false;
};

/// What there is of one sandbox: at least one of record and kept process.
struct Evidence {
  std::optional<host::ProcessRecord> record;
  std::optional<KeptProcess> kept;
  bool alive = false;  ///< without a kept process: the record's process runs, in this boot
};

enum class Verdict : std::uint8_t {
  take_up,         ///< the keeper's process is the sandbox's, running or dead
  take_up_orphan,  ///< it runs, and its keeper is no more
  has_ended,       ///< it outlived its keeper, or its boot, and nobody knows how it ended
  keep_remains,    ///< its process was cleaned up; its files wait for the removal
  remove,          ///< of a start that was not finished: nobody was told of it
};

Verdict judge(const Evidence& evidence, const std::string& boot_id);

}  // namespace podsandbox::linux_runtime
