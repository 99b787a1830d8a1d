#pragma once

#include <string>

#include "services/containerd/runtime/context.hpp"
#include "services/containerd/runtime/nri.hpp"

/// The old NRI plugins (nri.hpp) of a sandbox, off the loop.
namespace podsandbox::containerd_runtime {

/// Those that are configured now.
host::Flow<Result<NriPlugins>> configured_plugins(const Context& context);

/// Before its task is started; the process is there. Fails when a plugin does.
host::Flow<Result<Done>> run_create_hooks(const Context& context, NriPlugins plugins, SandboxPtr sandbox,
                                          SpecPtr spec, std::string oci_spec);

/// Before its task is removed. What fails is logged.
host::Flow<void> run_delete_hooks(const Context& context, SandboxPtr sandbox);

}  // namespace podsandbox::containerd_runtime
