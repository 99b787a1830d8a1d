#pragma once

#include <cstdint>
#include <optional>

#include "messages/error.hpp"
#include "messages/event.hpp"
#include "proto/journal.pb.h"

/// Numbers in the journal mean the same for ever; those of our enumerations need not.
namespace podsandbox::journal {

namespace wire = ::podsandbox::journal::v1;

inline wire::Failure::Kind to_wire(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::cancelled:
      return wire::Failure::CANCELLED;
    case ErrorKind::invalid_argument:
      return wire::Failure::INVALID_ARGUMENT;
    case ErrorKind::deadline_exceeded:
      return wire::Failure::DEADLINE_EXCEEDED;
    case ErrorKind::not_found:
      return wire::Failure::NOT_FOUND;
    case ErrorKind::already_exists:
      return wire::Failure::ALREADY_EXISTS;
    case ErrorKind::permission_denied:
      return wire::Failure::PERMISSION_DENIED;
    case ErrorKind::resource_exhausted:
      return wire::Failure::RESOURCE_EXHAUSTED;
    case ErrorKind::failed_precondition:
      return wire::Failure::FAILED_PRECONDITION;
    case ErrorKind::aborted:
      return wire::Failure::ABORTED;
    case ErrorKind::out_of_range:
      return wire::Failure::OUT_OF_RANGE;
    case ErrorKind::unimplemented:
      return wire::Failure::UNIMPLEMENTED;
    case ErrorKind::internal:
      return wire::Failure::INTERNAL;
    case ErrorKind::unavailable:
      return wire::Failure::UNAVAILABLE;
  }
  return wire::Failure::INTERNAL;
}

inline wire::Event::Kind to_wire(EventKind kind) {
  switch (kind) {
    case EventKind::created:
      return wire::Event::CREATED;
    case EventKind::started:
      return wire::Event::STARTED;
    case EventKind::exited:
      return wire::Event::EXITED;
    case EventKind::cleaned:
      return wire::Event::CLEANED;
    case EventKind::removed:
      return wire::Event::REMOVED;
    case EventKind::start_failed:
      return wire::Event::START_FAILED;
    case EventKind::retry_scheduled:
      return wire::Event::RETRY_SCHEDULED;
    case EventKind::actor_restarted:
      return wire::Event::ACTOR_RESTARTED;
  }
  return wire::Event::KIND_UNKNOWN;
}

inline wire::Event::Phase to_wire(Phase phase) {
  switch (phase) {
    case Phase::unknown:
      return wire::Event::PHASE_UNKNOWN;
    case Phase::created:
      return wire::Event::PHASE_CREATED;
    case Phase::starting:
      return wire::Event::PHASE_STARTING;
    case Phase::ready:
      return wire::Event::PHASE_READY;
    case Phase::stopping:
      return wire::Event::PHASE_STOPPING;
    case Phase::notready:
      return wire::Event::PHASE_NOTREADY;
    case Phase::gone:
      return wire::Event::PHASE_GONE;
  }
  return wire::Event::PHASE_UNKNOWN;
}

/// The first enumerator with that number: `to_wire` backwards, so that no second list has to be kept.
template <class Kind, class Wire>
std::optional<Kind> from_wire(Wire number) {
  for (unsigned value = 0; value <= UINT8_MAX; ++value) {
    const auto kind = static_cast<Kind>(value);
    if (to_wire(kind) == number) return kind;
  }
  return {};
}

inline ErrorKind error_kind_of(wire::Failure::Kind number) {
  return from_wire<ErrorKind>(number).value_or(ErrorKind::internal);
}

inline std::optional<EventKind> event_kind_of(wire::Event::Kind number) {
  if (number == wire::Event::KIND_UNKNOWN) return {};
  return from_wire<EventKind>(number);
}

inline Phase phase_of(wire::Event::Phase number) {
  return from_wire<Phase>(number).value_or(Phase::unknown);
}

}  // namespace podsandbox::journal
