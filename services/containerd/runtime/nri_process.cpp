#include "services/containerd/runtime/nri_process.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "services/host/program.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr const char* own_directory = "/opt/nri/bin";

bool is_program(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string plugin_path(const char* path) {
  if (path == nullptr || *path == '\0') return own_directory;
  return std::string(path) + ":" + own_directory;
}

Result<std::string> find_plugin(const std::string& type, const std::string& path) {
  if (type.starts_with('/')) {
    if (is_program(type)) return type;
    return failure(ErrorKind::failed_precondition, "it is no executable file");
  }
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    const std::string directory = path.substr(begin, end - begin);
    const std::string program = directory + "/" + type;
    if (directory.starts_with('/') && is_program(program)) return program;
    begin = end + 1;
  }
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
