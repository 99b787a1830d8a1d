#pragma once

#include <filesystem>
#include <string>

#include "messages/error.hpp"
#include "messages/sandbox_spec.hpp"

/// What runc has written down of a container, and leaves when its work is cut off.
namespace podsandbox::host {

/// The directory in which it is, with the options that containerd's shim of runc is given. Empty: they make
/// no sense, or are another shim's.
std::filesystem::path runc_state(const Payload& runtime_options, const std::string& id);

/// For a container that has no process any more. Done, too, when there is none.
Result<Done> remove_runc_state(const std::filesystem::path& directory);

}  // namespace podsandbox::host
