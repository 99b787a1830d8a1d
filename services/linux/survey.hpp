#pragma once

#include <string>
#include <vector>

#include "messages/runtime_port.hpp"
#include "services/linux/recovery_plan.hpp"
#include "services/linux/settings.hpp"

namespace podsandbox::linux_runtime {

/// What a start of the runtime would find of a sandbox, and make of it.
struct Surveyed {
  Verdict verdict = Verdict::remove;
  runtime::Process process;  // without pid for remains and for a start that came to none
};

/// Looks at keeper, records and /proc without changing anything or starting a keeper. Blocks, up to the
/// settings' deadline for each answer of the keeper. By id. UNAVAILABLE when a keeper is there and does not
/// answer.
Result<std::vector<Surveyed>> survey(const Settings& settings);

}  // namespace podsandbox::linux_runtime
