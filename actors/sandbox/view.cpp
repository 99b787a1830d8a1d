#include "actors/sandbox/view.hpp"

#include <chrono>
#include <utility>

#include "actors/sandbox/lifecycle.hpp"

namespace podsandbox {

SandboxView view_of(const SandboxRecord& record) {
  return {record.spec, phase_of(record), record.started, record.exit,
          record.start_failure ? record.start_failure->message : std::string()};
}

Event event_of(EventKind kind, const SandboxRecord& record, std::string detail) {
  return {0,
          std::chrono::system_clock::now(),
          kind,
          record.spec->id,
          phase_of(record),
          record.started ? record.started->pid : 0,
          record.exit,
          std::move(detail)};
}

}  // namespace podsandbox
