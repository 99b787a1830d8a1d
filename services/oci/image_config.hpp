#pragma once

#include <string>
#include <tl/expected.hpp>

#include "services/oci/inputs.hpp"

namespace podsandbox::oci {

/// What matters here of an OCI image's configuration (the JSON blob that its manifest names), or what is
/// wrong with it.
tl::expected<ImageConfig, std::string> read_image_config(const std::string& text);

}  // namespace podsandbox::oci
