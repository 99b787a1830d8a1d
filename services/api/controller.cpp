#include "services/api/controller.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "services/api/convert.hpp"
#include "services/api/verbose_info.hpp"
#include "services/host/platform.hpp"

namespace podsandbox::api {

namespace {

/// Checks the id, then makes the request of it and sends it on its way.
template <class Make, class Respond>
grpc::ServerUnaryReactor* call_on(Backend& backend, grpc::CallbackServerContext* context,
                                  const std::string& id, Make make, Respond respond) {
  auto checked = checked_id(id);
  if (!checked) return finish(context, to_status(checked.error()));
  using Request = decltype(make(std::move(*checked)));
  return UnaryCall<Request>::run(backend, make(std::move(*checked)), std::move(respond));
}

/// containerd tells with each call in which of its namespaces it was asked; empty: it is not containerd.
std::string_view namespace_of(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("containerd-namespace");
  return it == metadata.end() ? std::string_view() : std::string_view(it->second.data(), it->second.size());
}

void respond_status(const StatusAnswer& answer, controller::ControllerStatusResponse* response) {
  const auto& view = answer.view;
  response->set_sandbox_id(view.spec->id);
  response->set_state(std::string(state_name(view.phase)));
  if (view.started) {
    if (!view.exit) response->set_pid(view.started->pid);
    set_time(response->mutable_created_at(), view.started->created_at);
    response->set_address(view.started->task_address);
    response->set_version(view.started->task_version);
  }
  if (view.exit) set_time(response->mutable_exited_at(), view.exit->at);
}

/// A verbose status looks at paths that the client gave, which may hang: it is finished on a thread of its
/// own, which dies with it.
class VerboseStatus final : public grpc::ServerUnaryReactor {
 public:
  VerboseStatus(Backend& backend, std::string id, controller::ControllerStatusResponse* response)
      : desk_(backend.desk), counted_(backend.in_flight) {
    id_ = desk_.submit(SandboxStatus{std::move(id), true}, [this, response](Result<StatusAnswer> answer) {
      if (!answer) return Finish(to_status(answer.error()));
      std::thread([this, response, answer = std::move(*answer)] {
        respond_status(answer, response);
        (*response->mutable_info())["info"] = verbose_info(answer);
        Finish(grpc::Status::OK);
      }).detach();
    });
  }

 private:
  void OnCancel() override { desk_.caller_gone(id_); }
  void OnDone() override { delete this; }

  CallDesk& desk_;
  InFlight::Guard counted_;
  CallId id_ = 0;
};

}  // namespace

auto Controller::Create(Context context, In<controller::ControllerCreateRequest> request,
                        controller::ControllerCreateResponse* response) -> Reactor {
  auto spec = to_spec(*request, namespace_of(*context), cri_);
  if (!spec) return finish(context, to_status(spec.error()));
  response->set_sandbox_id((*spec)->id);
  return UnaryCall<CreateSandbox>::run(backend_, CreateSandbox{std::move(*spec)}, [](const Done&) {});
}

auto Controller::Start(Context context, In<controller::ControllerStartRequest> request,
                       controller::ControllerStartResponse* response) -> Reactor {
  return call_on(
      backend_, context, request->sandbox_id(), [](std::string id) { return StartSandbox{std::move(id)}; },
      [response, id = request->sandbox_id()](const Started& started) {
        response->set_sandbox_id(id);
        response->set_pid(started.pid);
        set_time(response->mutable_created_at(), started.created_at);
        response->mutable_labels()->insert(started.labels.begin(), started.labels.end());
        response->set_address(started.task_address);
        response->set_version(started.task_version);
        if (!started.spec.type_url.empty()) set_any(response->mutable_spec(), started.spec);
      });
}

auto Controller::Platform(Context context, In<controller::ControllerPlatformRequest>,
                          controller::ControllerPlatformResponse* response) -> Reactor {
  const auto& host = host::host_platform();
  response->mutable_platform()->set_os(host.os);
  response->mutable_platform()->set_architecture(host.architecture);
  response->mutable_platform()->set_variant(host.variant);
  return finish(context, grpc::Status::OK);
}

auto Controller::Stop(Context context, In<controller::ControllerStopRequest> request,
                      controller::ControllerStopResponse*) -> Reactor {
  // Nobody waits longer than a day for a process to end by itself.
  const std::chrono::seconds grace(std::min<std::uint32_t>(request->timeout_secs(), 24 * 60 * 60));
  return call_on(
      backend_, context, request->sandbox_id(),
      [grace](std::string id) {
        return StopSandbox{std::move(id), grace};
      },
      [](const Done&) {});
}

auto Controller::Wait(Context context, In<controller::ControllerWaitRequest> request,
                      controller::ControllerWaitResponse* response) -> Reactor {
  return call_on(
      backend_, context, request->sandbox_id(), [](std::string id) { return WaitSandbox{std::move(id)}; },
      [response](const Exit& exit) {
        response->set_exit_status(exit.status);
        set_time(response->mutable_exited_at(), exit.at);
      });
}

auto Controller::Status(Context context, In<controller::ControllerStatusRequest> request,
                        controller::ControllerStatusResponse* response) -> Reactor {
  if (request->verbose()) {
    auto id = checked_id(request->sandbox_id());
    if (!id) return finish(context, to_status(id.error()));
    return new VerboseStatus(backend_, std::move(*id), response);  // deletes itself
  }
  return call_on(
      backend_, context, request->sandbox_id(), [](std::string id) { return SandboxStatus{std::move(id)}; },
      [response](const StatusAnswer& answer) { respond_status(answer, response); });
}

auto Controller::Shutdown(Context context, In<controller::ControllerShutdownRequest> request,
                          controller::ControllerShutdownResponse*) -> Reactor {
  return call_on(
      backend_, context, request->sandbox_id(), [](std::string id) { return ShutdownSandbox{std::move(id)}; },
      [](const Done&) {});
}

auto Controller::Metrics(Context context, In<controller::ControllerMetricsRequest> request,
                         controller::ControllerMetricsResponse* response) -> Reactor {
  return call_on(
      backend_, context, request->sandbox_id(), [](std::string id) { return SandboxMetrics{std::move(id)}; },
      [response, id = request->sandbox_id()](const Payload& metrics) {
        auto* metric = response->mutable_metrics();
        set_time(metric->mutable_timestamp(), std::chrono::system_clock::now());
        metric->set_id(id);
        set_any(metric->mutable_data(), metrics);
      });
}

auto Controller::Update(Context context, In<controller::ControllerUpdateRequest> request,
                        controller::ControllerUpdateResponse*) -> Reactor {
  auto update = to_update(*request);
  if (!update) return finish(context, to_status(update.error()));
  return UnaryCall<UpdateSandbox>::run(backend_, std::move(*update), [](const Done&) {});
}

}  // namespace podsandbox::api
