#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/runtime_port.hpp"
#include "messages/sandbox_record.hpp"

/// What the daemon makes of a sandbox of an earlier life of its own: a comparison of what the journal expects
/// with what the runtime has. Pure; the supervisor and the sandbox's actor follow it.
namespace podsandbox {

/// What the runtime has of a sandbox.
struct Found {
  enum class What : std::uint8_t {
    unasked,  ///< it was not asked yet
    nothing,
    remains,  ///< its process is cleaned up, and not everything
    process,
  };
  What what = What::unasked;
  runtime::Process process;  // of `process`; dead when its exit is there
};

enum class Recovery : std::uint8_t {
  settled,         ///< nothing is to be done
  ask,             ///< only the runtime can tell
  adopt,           ///< it runs, as the journal says
  finish_start,    ///< taken over in an earlier life, and not finished
  roll_back,       ///< a start that nobody was told of, or one only created before a reboot: removed
  finish_stop,     ///< it runs, and was to be stopped
  finish_removal,  ///< it was to be removed
  record_exit,     ///< it has ended
  finish_cleanup,  ///< it has ended, and its remains are there
  take_over,       ///< the journal has lost it: it goes on
  reap,            ///< remains of a sandbox that the journal has lost: removed
};

std::string_view to_string(Recovery recovery);

struct RecoveryStep {
  Recovery what = Recovery::settled;
  std::optional<Exit> exit;  // of record_exit
  std::string_view why;      // of an exit that nobody knows
};

/// `expected`: the journal's record; null when it has none. `same_boot`: that was written in this boot. An
/// exit that nobody knows is taken for one of `now`.
RecoveryStep plan_recovery(const SandboxRecord* expected, bool same_boot, const Found& found, Time now);

}  // namespace podsandbox
