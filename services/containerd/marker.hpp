#pragma once

#include <string>

#include "messages/requests.hpp"
#include "proto/containerd_containers.pb.h"

/// The marker: the container record that makes containerd leave a pod's directories to us. When CRI starts it
/// removes those of every sandbox without a record of the same id that says it is a sandbox's.
namespace podsandbox::containerd_client {

using Container = ::containerd::services::containers::v1::Container;

/// What lists every marker, of whatever daemon.
inline constexpr const char* marker_filter = R"(labels."podsandboxd.io/marker")";

/// The marker of a started sandbox. `owner` tells the markers of several daemons apart.
Container make_marker(const SandboxView& sandbox, const std::string& owner);

/// Whether podsandboxd made it. Labels alone prove nothing: users choose those of pods and images. But what
/// CRI itself makes always has an image, a snapshot or an extension.
bool is_marker(const Container& container);

/// Which daemon made this marker.
std::string owner_of(const Container& marker);

/// Whether containerd should have a marker for it: it was started, is not removed, and has no record of its
/// own there, as those of the containerd runtime have.
bool needs_marker(const SandboxView& sandbox);

}  // namespace podsandbox::containerd_client
