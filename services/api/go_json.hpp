#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>

namespace podsandbox::api {

/// A message as Go's encoding/json writes its generated struct, which is what containerd and its clients
/// expect in verbose status (not protobuf's own JSON mapping): proto field names, enums and 64-bit integers
/// as numbers, bytes in base64, absent and zero values left out.
nlohmann::json go_json(const google::protobuf::Message& message);

}  // namespace podsandbox::api
