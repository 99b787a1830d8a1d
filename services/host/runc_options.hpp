#pragma once

#include <filesystem>
#include <optional>

#include "messages/sandbox_spec.hpp"
#include "proto/runc_options.pb.h"

namespace podsandbox::host {

using RuncOptions = ::containerd::runc::v1::Options;

/// What a handler's runtime options say to containerd's shim of runc; all defaults when there are none.
/// Empty: they are another shim's, or make no sense.
std::optional<RuncOptions> runc_options(const Payload& runtime_options);

/// Where the shim has runc, or what it runs instead, keep its state: in a directory "k8s.io" in this one.
std::filesystem::path runc_root(const RuncOptions& options);

}  // namespace podsandbox::host
