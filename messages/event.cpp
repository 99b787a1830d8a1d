#include "messages/event.hpp"

namespace podsandbox {

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::created:
      return "created";
    case EventKind::started:
      return "started";
    case EventKind::exited:
      return "exited";
    case EventKind::cleaned:
      return "cleaned";
    case EventKind::removed:
      return "removed";
    case EventKind::start_failed:
      return "start failed";
    case EventKind::retry_scheduled:
      return "retry scheduled";
    case EventKind::actor_restarted:
      return "actor restarted";
  }
  return "unknown";
}

}  // namespace podsandbox
