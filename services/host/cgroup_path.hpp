#pragma once

#include <string>
#include <tl/expected.hpp>

namespace podsandbox::host {

/// `path` as "/a/b" ("" for the root or nothing), or what is wrong with it: it comes from a client, and
/// becomes a path below each cgroup hierarchy.
tl::expected<std::string, std::string> clean_cgroup_path(const std::string& path);

}  // namespace podsandbox::host
