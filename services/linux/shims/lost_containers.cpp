#include "services/linux/shims/lost_containers.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "proto/cri.pb.h"
#include "services/host/cgroup.hpp"
#include "services/host/program.hpp"
#include "services/host/runc_cgroup.hpp"
#include "services/host/runc_options.hpp"
#include "services/host/small_file.hpp"

namespace podsandbox::linux_runtime {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t longest_text = 4 << 20;  // of a state: a spec that gRPC lets pass is not longer
constexpr std::size_t longest_complaint = 300;
constexpr milliseconds patience_with_one(5'000);
constexpr const char* sandbox_annotation = "io.kubernetes.cri.sandbox-id";

std::filesystem::path state_root(const OciRuntime& runtime) {
  return runtime.root / "k8s.io";
}

milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::ceil<milliseconds>(end - Clock::now()), milliseconds(0));
}

Result<host::ProgramOutput> run(const OciRuntime& runtime, const std::vector<std::string>& words,
                                milliseconds timeout) {
  host::Program program{runtime.binary, {"--root", state_root(runtime)}, host::environment_with({}), "/", {}};
  program.arguments.insert(program.arguments.end(), words.begin(), words.end());
  return host::run_program(program, "", {timeout, longest_text}, host::Messages::read);
}

/// What `state` answers or a file holds, if that is about a container of the sandbox.
bool is_of(const json& state, const std::string& sandbox_id) {
  if (!state.is_object()) return false;
  const auto annotations = state.find("annotations");
  if (annotations == state.end() || !annotations->is_object()) return false;
  const auto owner = annotations->find(sandbox_annotation);
  return owner != annotations->end() && owner->is_string() &&
         owner->get_ref<const std::string&>() == sandbox_id;
}

json parsed(const std::string& text) {
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

/// The files of a container in which the sandbox is spoken of.
std::vector<std::string> files_about(const std::filesystem::path& directory, const std::string& sandbox_id) {
  std::vector<std::string> texts;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->symlink_status(error).type() != std::filesystem::file_type::regular) continue;
    auto text = host::read_small_file(it->path(), longest_text);
    if (text && text->find(sandbox_id) != std::string::npos) texts.push_back(std::move(*text));
  }
  return texts;
}

/// What the runtime says of a container; null when it says that it has none, or makes no sense.
Result<json> state_of(const OciRuntime& runtime, const std::string& id, milliseconds timeout) {
  const auto output = run(runtime, {"state", id}, timeout);
  if (!output) {
    return failure(output.error().kind,
                   "asking " + runtime.binary + " for container " + id + ": " + output.error().message);
  }
  if (output->exit_status != 0) return json();
  return parsed(output->text);
}

/// Where the container's cgroup is by its name ("/a/b"); empty: not known.
std::string usual_cgroup(const OciRuntime& runtime, const std::string& id) {
  return runtime.cgroup_parent.empty() ? "" : host::runc_cgroup(runtime.cgroup_parent, id);
}

/// Whether there is a cgroup of the container in the pod's. Of one that is being made there is a process in
/// it: another pod's, where pods share a cgroup.
bool has_idle_cgroup(const OciRuntime& runtime, const std::string& id) {
  const std::string path = usual_cgroup(runtime, id);
  if (path.empty()) return false;
  const host::CgroupMounts mounts{false, host::find_all_hierarchies()};
  const auto is_there = [&](const auto& mount) {
    std::error_code error;
    return std::filesystem::exists(mount.string() + path, error);
  };
  return std::ranges::any_of(mounts.paths, is_there) && !host::has_processes(mounts, path);
}

/// One that was never made to the end has no state: crun has a file of it by then, of runc's there is a
/// cgroup. Either removes what there is of it.
Result<bool> belongs_to(const OciRuntime& runtime, const std::string& id, const std::string& sandbox_id,
                        milliseconds timeout) {
  const auto texts = files_about(state_root(runtime) / id, sandbox_id);
  if (texts.empty() && !has_idle_cgroup(runtime, id)) return false;
  const auto state = state_of(runtime, id, timeout);
  if (!state) return tl::unexpected<Error>(state.error());
  if (state->is_object()) return is_of(*state, sandbox_id);
  return has_idle_cgroup(runtime, id) ||
         std::ranges::any_of(texts, [&](const auto& text) { return is_of(parsed(text), sandbox_id); });
}

Result<std::vector<std::string>> all_containers(const OciRuntime& runtime) {
  std::vector<std::string> ids;
  std::error_code error;
  std::filesystem::directory_iterator it(state_root(runtime), error);
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    const std::string id = it->path().filename();
    std::error_code unknown;
    if (is_identifier(id) && it->symlink_status(unknown).type() == std::filesystem::file_type::directory) {
      ids.push_back(id);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return failure(ErrorKind::unavailable,
                   "reading " + state_root(runtime).string() + ": " + error.message());
  }
  std::ranges::sort(ids);
  return ids;
}

/// The part of a process's cgroup path that was made for the container; empty: there is none.
std::string own_part(const std::string& path, const std::string& id) {
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin + 1), path.size());
    const std::string name = path.substr(begin + 1, end - begin - 1);
    if (name == "..") return "";  // outside of what we see
    if (name == id || name.ends_with("-" + id + ".scope")) return path.substr(0, end);
    begin = end;
  }
  return "";
}

/// Where the container's first process is ("/a/b"), of which `state` tells. Its runtime removes that, but
/// crun does not wait for processes that take their time to die.
std::string cgroup_of(const json& state, const std::string& id) {
  if (!state.is_object()) return "";
  const auto pid = state.find("pid");
  if (pid == state.end() || !pid->is_number_integer() || pid->get<std::int64_t>() <= 0) return "";
  std::ifstream file("/proc/" + std::to_string(pid->get<std::int64_t>()) + "/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto path = line.find(":/");  // NUMBER:CONTROLLERS:/PATH
    if (path == std::string::npos) continue;
    if (auto part = own_part(line.substr(path + 1), id); !part.empty()) return part;
  }
  return "";
}

std::string complaint_of(const host::ProgramOutput& output) {
  std::string text = output.messages.substr(0, longest_complaint);
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' '; }, ' ');
  return "it exits with " + std::to_string(output.exit_status) + " and says \"" + text + "\"";
}

Result<Done> remove_container(const OciRuntime& runtime, const std::string& id, milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  const std::string what = "removing container " + id + " by " + runtime.binary + ": ";
  if (!is_identifier(id)) return failure(ErrorKind::invalid_argument, what + "it is no identifier");
  const auto state = state_of(runtime, id, std::min(left_until(end) / 2, patience_with_one));
  std::string cgroup = state ? cgroup_of(*state, id) : "";
  if (cgroup.empty()) cgroup = usual_cgroup(runtime, id);
  if (state && !state->is_object() && !cgroup.empty()) {
    // First: when only this is left of it nobody finds it any more.
    if (auto cleared = host::clear_runc_cgroup(cgroup, left_until(end)); !cleared) return cleared;
  }
  const auto output = run(runtime, {"delete", "--force", id}, left_until(end));
  if (!output) return failure(output.error().kind, what + output.error().message);
  std::error_code error;
  if (std::filesystem::symlink_status(state_root(runtime) / id, error).type() !=
      std::filesystem::file_type::not_found) {
    return failure(ErrorKind::unavailable, what + complaint_of(*output));
  }
  if (cgroup.empty()) return Done{};
  return host::clear_runc_cgroup(cgroup, left_until(end));
}

}  // namespace

OciRuntime oci_runtime_of(const SandboxSpec& spec) {
  const auto options = host::runc_options(spec.runtime_options).value_or(host::RuncOptions());
  return {options.binary_name().empty() ? "runc" : options.binary_name(), host::runc_root(options),
          spec.config ? spec.config->linux().cgroup_parent() : ""};
}

Result<std::vector<std::string>> containers_of_pod(const OciRuntime& runtime, const std::string& sandbox_id,
                                                   std::chrono::milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  const auto all = all_containers(runtime);
  if (!all) return tl::unexpected<Error>(all.error());
  std::vector<std::string> ids;
  for (const auto& id : *all) {
    const auto belongs = belongs_to(runtime, id, sandbox_id, std::min(left_until(end), patience_with_one));
    if (!belongs) return tl::unexpected<Error>(belongs.error());
    if (*belongs) ids.push_back(id);
  }
  return ids;
}

Result<Done> remove_containers(const OciRuntime& runtime, const std::vector<std::string>& ids,
                               std::chrono::milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  Result<Done> result = Done{};
  auto remaining = static_cast<milliseconds::rep>(ids.size());
  for (const auto& id : ids) {
    auto removed = remove_container(runtime, id, left_until(end) / remaining--);
    if (!removed && result) result = std::move(removed);
  }
  return result;
}

}  // namespace podsandbox::linux_runtime
