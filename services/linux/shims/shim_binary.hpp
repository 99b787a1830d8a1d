#pragma once

#include <string>

#include "messages/error.hpp"

/// Which program is the shim of a runtime type, as containerd finds it.
namespace podsandbox::linux_runtime {

/// The shim's file name, or its absolute path if the type is one. Only runc's v2 shim serves a socket that it
/// is given, containers of many pods or of one: of any other type UNIMPLEMENTED. Pure.
Result<std::string> shim_name(const std::string& runtime_type);

/// The path of the shim's program: looked for in `path` (PATH's value) and then beside the program of the
/// containerd that listens at `containerd_address`. FAILED_PRECONDITION, with all places, when it is in none;
/// UNAVAILABLE when there is no containerd now whose place could be known. May hang, as files may.
Result<std::string> find_shim(const std::string& runtime_type, const std::string& path,
                              const std::string& containerd_address);

}  // namespace podsandbox::linux_runtime
