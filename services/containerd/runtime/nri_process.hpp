#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "messages/error.hpp"

/// The process of one old NRI plugin. Errors do not say of which plugin they are.
namespace podsandbox::containerd_runtime {

/// Where plugins are looked for, as in PATH: in `path` (PATH's value, or null), and in NRI's own directory.
std::string plugin_path(const char* path);

/// The program of a plugin that is configured by its name or absolute path. FAILED_PRECONDITION when there is
/// none that can be executed.
Result<std::string> find_plugin(const std::string& type, const std::string& path);

struct PluginOutput {
  std::string text;
  std::uint32_t exit_status = 0;  // or 128 + signal
};

/// Runs it with `path` as its PATH and `request` on its standard input until it exits; processes that it
/// leaves behind are its own business. When it takes longer than `timeout`, or writes too much, all of them
/// are killed. Blocks as long.
Result<PluginOutput> run_plugin(const std::string& program, const std::string& path,
                                const std::string& request, std::chrono::nanoseconds timeout);

}  // namespace podsandbox::containerd_runtime
