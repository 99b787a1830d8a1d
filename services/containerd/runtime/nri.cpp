#include "services/containerd/runtime/nri.hpp"

#include <cstddef>
#include <cstdlib>

#include "services/containerd/runtime/nri_messages.hpp"
#include "services/containerd/runtime/nri_process.hpp"
#include "services/host/small_file.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr std::size_t longest_config = 1 << 20;

tl::unexpected<Error> about(const std::string& what, const Error& error) {
  return failure(error.kind, what + ": " + error.message);
}

Result<NriResult> run_one(const NriPlugin& plugin, const std::string& request, const std::string& path,
                          std::chrono::nanoseconds timeout) {
  const auto program = find_plugin(plugin.type, path);
  if (!program) return tl::unexpected<Error>(program.error());
  const auto output = run_plugin(*program, path, request, timeout);
  if (!output) return tl::unexpected<Error>(output.error());
  if (output->text.empty()) {
    return failure(ErrorKind::internal,
                   "it wrote no result and exited with " + std::to_string(output->exit_status));
  }
  auto result = parse_nri_result(output->text);
  if (result && !result->error.empty()) {
    return failure(ErrorKind::failed_precondition, "it failed: " + quoted(result->error));
  }
  return result;
}

}  // namespace

Result<NriPlugins> read_nri_config(const std::string& path) {
  const std::string what = "the NRI configuration " + path;
  const auto text = host::read_small_file(path, longest_config);
  if (!text && text.error().kind == ErrorKind::not_found) return NriPlugins{};
  if (!text) return about(what, text.error());
  auto plugins = parse_nri_config(*text);
  if (!plugins) return about(what, plugins.error());
  return plugins;
}

Result<Done> run_nri(const NriPlugins& plugins, NriState state, const NriSandbox& sandbox,
                     std::chrono::nanoseconds timeout) {
  const std::string path = plugin_path(std::getenv("PATH"));
  std::vector<NriResult> results;
  for (const auto& plugin : plugins.list) {
    const std::string what = "the NRI plugin " + plugin.type + ", at the " + name_of(state);
    const auto request = nri_request(plugins.version, plugin, state, sandbox, results);
    if (!request) return about(what, request.error());
    auto result = run_one(plugin, *request, path, timeout);
    if (!result) return about(what, result.error());
    results.push_back(std::move(*result));
  }
  return Done{};
}

}  // namespace podsandbox::containerd_runtime
