#include "messages/sandbox_record.hpp"

namespace podsandbox {

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::unknown:
      return "unknown";
    case Phase::created:
      return "created";
    case Phase::starting:
      return "starting";
    case Phase::ready:
      return "ready";
    case Phase::stopping:
      return "stopping";
    case Phase::notready:
      return "notready";
    case Phase::gone:
      return "gone";
  }
  return "unknown";
}

}  // namespace podsandbox
