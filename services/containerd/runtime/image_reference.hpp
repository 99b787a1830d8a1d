#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace podsandbox::containerd_runtime {

/// The name under which containerd keeps the image that somebody calls so: "pause" is
/// "docker.io/library/pause:latest". Of a tag and a digest the digest counts. The id of an image
/// ("sha256:HEX") is its name. Or what is wrong with it.
tl::expected<std::string, std::string> normalised_reference(std::string_view text);

}  // namespace podsandbox::containerd_runtime
