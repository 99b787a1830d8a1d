#pragma once

#include <string>

#include "messages/event.hpp"
#include "messages/requests.hpp"

namespace podsandbox {

/// What anybody may know of the sandbox with this record.
SandboxView view_of(const SandboxRecord& record);

/// Something that happened, now, to the sandbox with this record. The log numbers it.
Event event_of(EventKind kind, const SandboxRecord& record, std::string detail = {});

}  // namespace podsandbox
