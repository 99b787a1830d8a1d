#pragma once

#include <caf/actor_addr.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/event.hpp"
#include "messages/message_types.hpp"
#include "messages/reply.hpp"
#include "messages/runtime_port.hpp"
#include "messages/sandbox_record.hpp"

/// What clients ask. Each request names the type of its answer; errors are those of
/// containerd.services.sandbox.v1.Controller (README, "The API").
namespace podsandbox {

/// A sandbox at one moment, with everything that anybody may know of it.
struct SandboxView {
  SpecPtr spec;
  Phase phase = Phase::unknown;
  std::optional<Started> started;
  std::optional<Exit> exit;
  std::string start_failure;  // empty: none
};

/// A piece of work on a sandbox that failed and will be tried again.
struct RetryView {
  std::string what;
  unsigned attempts = 0;  // so far
  Time next_attempt_at;
  std::string last_error;
};

/// One row of the supervisor's registry.
struct SandboxListing {
  SandboxView view;
  std::uint32_t incarnation = 0;  // how many actors this sandbox has had
  caf::actor_addr actor;          // the living one, whom chaos tests kill; invalid while there is none
  std::vector<RetryView> retries;
};

struct CreateSandbox {
  using Answer = Done;
  SpecPtr spec;
  const std::string& id() const { return spec->id; }
};

struct StartSandbox {
  using Answer = Started;
  std::string sandbox_id;
  const std::string& id() const { return sandbox_id; }
};

struct StopSandbox {
  using Answer = Done;
  std::string sandbox_id;
  std::chrono::seconds grace{0};  // between SIGTERM and SIGKILL; 0 is SIGKILL at once
  const std::string& id() const { return sandbox_id; }
};

struct WaitSandbox {
  using Answer = Exit;
  static constexpr bool open_ended = true;  // lasts as long as nothing happens: a drain ends it at once
  std::string sandbox_id;
  const std::string& id() const { return sandbox_id; }
};

/// What Status tells. `process` is there when the runtime was asked (verbose) and knows a process.
struct StatusAnswer {
  SandboxView view;
  std::optional<runtime::Process> process;
};

struct SandboxStatus {
  using Answer = StatusAnswer;
  std::string sandbox_id;
  bool verbose = false;
  const std::string& id() const { return sandbox_id; }
};

struct ShutdownSandbox {
  using Answer = Done;
  std::string sandbox_id;
  const std::string& id() const { return sandbox_id; }
};

struct SandboxMetrics {
  using Answer = Payload;
  std::string sandbox_id;
  const std::string& id() const { return sandbox_id; }
};

/// Replaces or removes (absent value) what each field names; nothing is changed if one of them is refused.
struct UpdateSandbox {
  using Answer = Done;
  std::string sandbox_id;
  std::vector<std::string>
      fields;  // "labels", "labels.KEY", "extensions", "extensions.KEY"; empty: both maps
  Labels labels;
  std::map<std::string, Payload> extensions;
  const std::string& id() const { return sandbox_id; }
};

struct ListSandboxes {
  using Answer = std::vector<SandboxListing>;
};

struct GetSandbox {
  using Answer = SandboxListing;
  std::string sandbox_id;
  const std::string& id() const { return sandbox_id; }
};

/// The events from position `from` on; answered as soon as there is one, with all there are. OUT_OF_RANGE
/// names the oldest position when `from` is no longer kept.
struct ReadEvents {
  using Answer = EventBatch;
  static constexpr bool open_ended = true;
  std::uint64_t from = 0;  // 0: from the next event on; the answer then comes at once, empty, with `next`
};

/// One client's question on its way through the actors.
using CallId = std::uint64_t;

template <class Request>
struct Call {
  Request request;
  CallId id = 0;
  Reply<typename Request::Answer> reply;
  std::chrono::steady_clock::time_point asked_at;  // by the client; not when it was sent again
};

/// The client that made this call went away. Travels the same route as its call, behind it.
struct CallerGone {
  std::string sandbox_id;
  CallId call = 0;
};

}  // namespace podsandbox

namespace caf {

template <class Request>
struct allowed_unsafe_message_type<podsandbox::Call<Request>> : std::true_type {};

}  // namespace caf

PODSANDBOX_MESSAGE(podsandbox::CallerGone)
