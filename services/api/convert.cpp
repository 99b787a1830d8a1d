#include "services/api/convert.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "messages/runtime_handler.hpp"
#include "proto/cri.pb.h"

namespace podsandbox::api {

namespace {

constexpr std::string_view config_type = "runtime.v1.PodSandboxConfig";
constexpr std::string_view cri_namespace = "k8s.io";
constexpr std::size_t max_path = 4095;
constexpr std::size_t max_sandboxer = 255;

tl::unexpected<Error> invalid(const std::string& id, std::string_view field, std::string_view why) {
  return failure(ErrorKind::invalid_argument,
                 "create sandbox " + id + ": " + std::string(field) + ": " + std::string(why));
}

Result<Done> check_netns_path(const std::string& id, const std::string& path) {
  if (path.empty()) return Done{};
  if (path.front() != '/') return invalid(id, "netns_path", "must be an absolute path");
  if (path.size() > max_path) return invalid(id, "netns_path", "is longer than a path can be");
  if (path.find('\0') != std::string::npos) return invalid(id, "netns_path", "contains a NUL byte");
  return Done{};
}

Result<Done> check_sandboxer(const std::string& id, const std::string& name) {
  if (name.size() > max_sandboxer) return invalid(id, "sandboxer", "is longer than 255 bytes");
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable) return invalid(id, "sandboxer", "must be printable ASCII");
  return Done{};
}

Result<std::shared_ptr<::runtime::v1::PodSandboxConfig>> to_config(const std::string& id,
                                                                   const google::protobuf::Any& options) {
  const auto payload = to_payload(options);
  if (payload.type_url != config_type) {
    const auto found = payload.type_url.empty() ? std::string("is missing") : "is a " + payload.type_url;
    return invalid(id, "options", found + ", it must be a " + std::string(config_type));
  }
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  if (!config->ParseFromString(payload.value)) {
    return invalid(id, "options", "cannot be parsed as " + std::string(config_type));
  }
  return config;
}

v1::Sandbox::Phase wire_phase(Phase phase) {
  switch (phase) {
    case Phase::unknown:
      return v1::Sandbox::PHASE_UNKNOWN;
    case Phase::created:
      return v1::Sandbox::CREATED;
    case Phase::starting:
      return v1::Sandbox::STARTING;
    case Phase::ready:
      return v1::Sandbox::READY;
    case Phase::stopping:
      return v1::Sandbox::STOPPING;
    case Phase::notready:
      return v1::Sandbox::NOTREADY;
    case Phase::gone:
      return v1::Sandbox::GONE;
  }
  return v1::Sandbox::PHASE_UNKNOWN;
}

v1::Event::Kind wire_kind(EventKind kind) {
  switch (kind) {
    case EventKind::created:
      return v1::Event::CREATED;
    case EventKind::started:
      return v1::Event::STARTED;
    case EventKind::exited:
      return v1::Event::EXITED;
    case EventKind::cleaned:
      return v1::Event::CLEANED;
    case EventKind::removed:
      return v1::Event::REMOVED;
    case EventKind::start_failed:
      return v1::Event::START_FAILED;
    case EventKind::retry_scheduled:
      return v1::Event::RETRY_SCHEDULED;
    case EventKind::actor_restarted:
      return v1::Event::ACTOR_RESTARTED;
  }
  return v1::Event::KIND_UNKNOWN;
}

}  // namespace

Result<std::string> checked_id(const std::string& id) {
  if (is_identifier(id)) return id;
  // Bytes that are no identifier are not repeated in the message, they could be anything.
  return failure(
      ErrorKind::invalid_argument,
      "sandbox_id: must be letters and digits with single '.', '_' or '-' between them, at most 76");
}

Payload to_payload(const google::protobuf::Any& any) {
  constexpr std::string_view host = "type.googleapis.com/";
  std::string_view type = any.type_url();
  if (type.starts_with(host)) type.remove_prefix(host.size());
  return Payload{std::string(type), any.value()};
}

Result<SpecPtr> to_spec(const controller::ControllerCreateRequest& request,
                        std::string_view containerd_namespace, const CriSettings& cri) {
  const auto id = checked_id(request.sandbox_id());
  if (!id) return tl::unexpected<Error>(id.error());
  const auto& record = request.sandbox();
  if (!record.sandbox_id().empty() && record.sandbox_id() != *id) {
    return invalid(*id, "sandbox.sandbox_id", "differs from sandbox_id");
  }
  if (request.rootfs_size() > 0) {
    return failure(ErrorKind::unimplemented,
                   "create sandbox " + *id + ": rootfs: a root file system from the client is not supported");
  }
  if (auto path = check_netns_path(*id, request.netns_path()); !path)
    return tl::unexpected<Error>(path.error());
  if (auto name = check_sandboxer(*id, request.sandboxer()); !name)
    return tl::unexpected<Error>(name.error());
  auto config = to_config(*id, request.options());
  if (!config) return tl::unexpected<Error>(config.error());

  auto spec = std::make_shared<SandboxSpec>();
  spec->id = *id;
  spec->config = std::move(*config);
  spec->netns_path = request.netns_path();
  spec->annotations.insert(request.annotations().begin(), request.annotations().end());
  spec->labels.insert(record.labels().begin(), record.labels().end());
  spec->runtime_name = record.runtime().name();
  spec->runtime_options = to_payload(record.runtime().options());
  for (const auto& [key, any] : record.extensions()) spec->extensions.emplace(key, to_payload(any));
  if (containerd_namespace == cri_namespace) spec->sandboxer = request.sandboxer();
  spec->runtime = cri.of(runtime_handler(*spec)).runtime;
  return SpecPtr(std::move(spec));
}

Result<UpdateSandbox> to_update(const controller::ControllerUpdateRequest& request) {
  auto id = checked_id(request.sandbox_id());
  if (!id) return tl::unexpected<Error>(id.error());
  if (!request.sandbox().sandbox_id().empty() && request.sandbox().sandbox_id() != *id) {
    return failure(ErrorKind::invalid_argument,
                   "update sandbox " + *id + ": sandbox.sandbox_id: differs from sandbox_id");
  }
  UpdateSandbox update;
  update.sandbox_id = std::move(*id);
  update.fields.assign(request.fields().begin(), request.fields().end());
  update.labels.insert(request.sandbox().labels().begin(), request.sandbox().labels().end());
  for (const auto& [key, any] : request.sandbox().extensions())
    update.extensions.emplace(key, to_payload(any));
  return update;
}

void set_time(google::protobuf::Timestamp* target, Time time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds);
  target->set_seconds(seconds.count());
  target->set_nanos(static_cast<std::int32_t>(rest.count()));
}

void set_any(google::protobuf::Any* target, const Payload& payload) {
  target->set_type_url(payload.type_url);
  target->set_value(payload.value);
}

std::string_view state_name(Phase phase) {
  switch (phase) {
    case Phase::ready:
    case Phase::stopping:  // its process still runs
      return "SANDBOX_READY";
    case Phase::notready:
    case Phase::gone:
      return "SANDBOX_NOTREADY";
    default:
      return "SANDBOX_UNKNOWN";
  }
}

void fill(const SandboxListing& listing, v1::Sandbox* sandbox) {
  const auto& view = listing.view;
  const auto& spec = *view.spec;
  sandbox->set_id(spec.id);
  const auto& metadata = spec.config->metadata();
  sandbox->mutable_pod()->set_name(metadata.name());
  sandbox->mutable_pod()->set_namespace_(metadata.namespace_());
  sandbox->mutable_pod()->set_uid(metadata.uid());
  sandbox->mutable_pod()->set_attempt(metadata.attempt());
  sandbox->set_phase(wire_phase(view.phase));
  if (view.started) {
    if (!view.exit) sandbox->set_pid(view.started->pid);
    set_time(sandbox->mutable_created_at(), view.started->created_at);
    sandbox->set_task_address(view.started->task_address);
    sandbox->set_task_version(view.started->task_version);
  }
  if (view.exit) {
    sandbox->set_exit_status(view.exit->status);
    set_time(sandbox->mutable_exited_at(), view.exit->at);
  }
  sandbox->set_runtime_name(spec.runtime_name);
  sandbox->set_netns_path(spec.netns_path);
  sandbox->mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
  sandbox->mutable_annotations()->insert(spec.annotations.begin(), spec.annotations.end());
  sandbox->set_incarnation(listing.incarnation);
  sandbox->set_start_failure(view.start_failure);
  for (const auto& retry : listing.retries) {
    auto* row = sandbox->add_retries();
    row->set_kind(retry.what);
    row->set_attempts(retry.attempts);
    set_time(row->mutable_next_attempt_at(), retry.next_attempt_at);
    row->set_last_error(retry.last_error);
  }
}

void fill(const Event& event, v1::Event* message) {
  message->set_sequence(event.sequence);
  set_time(message->mutable_at(), event.at);
  message->set_kind(wire_kind(event.kind));
  message->set_sandbox_id(event.sandbox_id);
  message->set_phase(wire_phase(event.phase));
  message->set_pid(event.pid);
  if (event.exit) {
    message->set_exit_status(event.exit->status);
    set_time(message->mutable_exited_at(), event.exit->at);
  }
  message->set_detail(event.detail);
}

}  // namespace podsandbox::api
