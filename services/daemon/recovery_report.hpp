#pragma once

#include <string>
#include <vector>

#include "messages/journal.hpp"
#include "services/daemon/config.hpp"
#include "services/linux/survey.hpp"

namespace podsandbox {

/// What a start of the daemon would do about one sandbox.
struct RecoveryRow {
  std::string id;
  std::string expected;  // by the journal
  std::string found;     // by the runtime
  std::string action;
};

/// One row for each sandbox that the journal or the runtime knows, by id.
std::vector<RecoveryRow> recovery_report(const journal::Contents& journal, const std::string& boot_id,
                                         const std::vector<linux_runtime::Surveyed>& runtime);

/// Reads journal and runtime for it; nothing is changed. FAILED_PRECONDITION while a podsandboxd is running.
Result<std::vector<RecoveryRow>> plan_recovery_of(const Config& config);

/// As a table, with a last line that counts.
std::string to_text(const std::vector<RecoveryRow>& rows);

}  // namespace podsandbox
