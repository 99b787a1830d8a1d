#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "messages/error.hpp"

/// The old NRI plugins (version 0.1): programs that are told of each sandbox between the creation of its task
/// and the task's start, and again when the task is removed. Whoever has none configured pays nothing.
namespace podsandbox::containerd_runtime {

struct NriPlugin {
  std::string type;  // the program's name, or its absolute path
  std::string conf;  // what is configured for it, as JSON; empty: nothing
};

struct NriPlugins {
  std::string version = "0.1";
  std::vector<NriPlugin> list;  // in the order in which they run
};

enum class NriState { create, remove };

struct NriSandbox {
  std::string id;
  int pid = 0;                                // of the pause process; 0: there is none
  std::string spec;                           // the OCI runtime spec, as JSON; empty: not known any more
  std::map<std::string, std::string> labels;  // the pod's; told at create
};

/// What is configured in this file: nothing, when there is none. Any other file that cannot be read as such a
/// configuration is FAILED_PRECONDITION. May hang, as files may.
Result<NriPlugins> read_nri_config(const std::string& path);

/// Runs the plugins one after the other and hands each the results of those before it. The first that fails
/// is the error, and the last that runs; one that takes longer than `timeout` is killed, with all its
/// processes. Blocks as long: for a thread of its own.
Result<Done> run_nri(const NriPlugins& plugins, NriState state, const NriSandbox& sandbox,
                     std::chrono::nanoseconds timeout);

}  // namespace podsandbox::containerd_runtime
