#include "services/containerd/runtime/nri_process.hpp"

#include <utility>

#include "services/host/program.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr const char* own_directory = "/opt/nri/bin";

}  // namespace

std::string plugin_path(const char* path) {
  if (path == nullptr || *path == '\0') return own_directory;
  return std::string(path) + ":" + own_directory;
}

Result<std::string> find_plugin(const std::string& type, const std::string& path) {
  if (type.starts_with('/')) {
    if (host::is_program(type)) return type;
    return failure(ErrorKind::failed_precondition, "it is no executable file");
  }
  if (auto program = host::find_program(type, path)) return *program;
  return failure(ErrorKind::failed_precondition, "there is no executable file of this name in " + path);
}

Result<PluginOutput> run_plugin(const std::string& program, const std::string& path,
                                const std::string& request, std::chrono::nanoseconds timeout) {
  auto output = host::run_program({program, {"invoke"}, host::environment_with({{"PATH", path}}), {}, {}},
                                  request, {timeout});
  if (!output) return tl::unexpected<Error>(output.error());
  return PluginOutput{std::move(output->text), output->exit_status};
}

}  // namespace podsandbox::containerd_runtime
