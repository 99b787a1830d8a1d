#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "proto/containerd_sandbox.pb.h"

/// What programs read: protobuf's JSON with the fields' own names, one line, nothing left out because it is
/// zero. 64-bit numbers are strings there, as protobuf has it.
namespace podsandbox::ctl {

std::string to_json(const google::protobuf::Message& message);

/// The OCI spec, which travels as JSON in an Any, becomes part of the document.
std::string to_json(const containerd::services::sandbox::v1::ControllerStartResponse& response);

/// The values of `info` that are JSON become part of the document.
std::string to_json(const containerd::services::sandbox::v1::ControllerStatusResponse& response);

/// The `info` of a verbose answer alone, in lines for people.
std::string info_text(const containerd::services::sandbox::v1::ControllerStatusResponse& response);

}  // namespace podsandbox::ctl
