#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <string_view>

#include "messages/handler_settings.hpp"
#include "messages/requests.hpp"
#include "proto/containerd_sandbox.pb.h"
#include "proto/podsandbox.pb.h"

/// Between the wire and our own values. Everything that comes in is checked here, before any actor sees it;
/// every error is INVALID_ARGUMENT (or UNIMPLEMENTED) and names the field.
namespace podsandbox::api {

namespace controller = ::containerd::services::sandbox::v1;

/// The id, if it is one that containerd could have given.
Result<std::string> checked_id(const std::string& id);

/// `containerd_namespace` is the one that the call came with; CRI's is the only one whose `sandboxer` counts.
/// `cri` says which runtime the pods of which handler are given to.
Result<SpecPtr> to_spec(const controller::ControllerCreateRequest& request,
                        std::string_view containerd_namespace, const CriSettings& cri);
Result<UpdateSandbox> to_update(const controller::ControllerUpdateRequest& request);

void set_time(google::protobuf::Timestamp* target, Time time);
void set_any(google::protobuf::Any* target, const Payload& payload);

/// The Any's bytes under its type's name without the host that some clients put before it.
Payload to_payload(const google::protobuf::Any& any);

/// `SANDBOX_READY`, `SANDBOX_NOTREADY` or `SANDBOX_UNKNOWN`: what containerd knows.
std::string_view state_name(Phase phase);

void fill(const SandboxListing& listing, v1::Sandbox* sandbox);
void fill(const Event& event, v1::Event* message);

}  // namespace podsandbox::api
