#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>

namespace podsandbox::oci {

/// The OCI `linux.seccomp` object in `text`, with those of its members that OCI knows; or what is wrong with
/// it: it is no such object, or says nothing (which would be no filter at all).
tl::expected<nlohmann::json, std::string> read_seccomp(const std::string& text);

}  // namespace podsandbox::oci
