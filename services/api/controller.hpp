#pragma once

#include <utility>

#include "messages/handler_settings.hpp"
#include "proto/containerd_sandbox.grpc.pb.h"
#include "services/api/unary_call.hpp"

namespace podsandbox::api {

/// containerd.services.sandbox.v1.Controller: checks what comes in, hands it to the actors, and translates
/// what comes back. No thread is held while a call waits.
class Controller final : public ::containerd::services::sandbox::v1::Controller::CallbackService {
 public:
  /// `cri` says which runtime the pods of which handler are given to.
  Controller(Backend& backend, CriSettings cri) : backend_(backend), cri_(std::move(cri)) {}

 private:
  using Context = grpc::CallbackServerContext*;
  using Reactor = grpc::ServerUnaryReactor*;
  template <class T>
  using In = const T*;

  Reactor Create(Context context, In<::containerd::services::sandbox::v1::ControllerCreateRequest> request,
                 ::containerd::services::sandbox::v1::ControllerCreateResponse* response) override;
  Reactor Start(Context context, In<::containerd::services::sandbox::v1::ControllerStartRequest> request,
                ::containerd::services::sandbox::v1::ControllerStartResponse* response) override;
  Reactor Platform(Context context,
                   In<::containerd::services::sandbox::v1::ControllerPlatformRequest> request,
                   ::containerd::services::sandbox::v1::ControllerPlatformResponse* response) override;
  Reactor Stop(Context context, In<::containerd::services::sandbox::v1::ControllerStopRequest> request,
               ::containerd::services::sandbox::v1::ControllerStopResponse* response) override;
  Reactor Wait(Context context, In<::containerd::services::sandbox::v1::ControllerWaitRequest> request,
               ::containerd::services::sandbox::v1::ControllerWaitResponse* response) override;
  Reactor Status(Context context, In<::containerd::services::sandbox::v1::ControllerStatusRequest> request,
                 ::containerd::services::sandbox::v1::ControllerStatusResponse* response) override;
  Reactor Shutdown(Context context,
                   In<::containerd::services::sandbox::v1::ControllerShutdownRequest> request,
                   ::containerd::services::sandbox::v1::ControllerShutdownResponse* response) override;
  Reactor Metrics(Context context, In<::containerd::services::sandbox::v1::ControllerMetricsRequest> request,
                  ::containerd::services::sandbox::v1::ControllerMetricsResponse* response) override;
  Reactor Update(Context context, In<::containerd::services::sandbox::v1::ControllerUpdateRequest> request,
                 ::containerd::services::sandbox::v1::ControllerUpdateResponse* response) override;

  Backend& backend_;
  const CriSettings cri_;
};

}  // namespace podsandbox::api
