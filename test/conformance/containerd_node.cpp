#include "test/conformance/containerd_node.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "proto/runc_options.pb.h"
#include "services/host/cgroup.hpp"
#include "services/host/shim.hpp"

namespace podsandbox::test {

namespace fs = std::filesystem;

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets one
  if (value == nullptr) throw std::runtime_error(std::string(name) + ": run it by containerd/start");
  return value;
}

// As far as it can be read: of a process that goes meanwhile it cannot.
std::string content(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// As the arguments of a process, or the parts of a path.
bool has_part(const std::string& text, char separator, const std::set<std::string>& wanted) {
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, separator);) {
    if (wanted.contains(part)) return true;
  }
  return false;
}

}  // namespace

ContainerdNode::ContainerdNode()
    : directory_(variable("NODE_DIRECTORY")),
      socket_(variable("CONTAINERD_ADDRESS")),
      command_(variable("NODE_CONTAINERD")),
      ctr_(variable("CTR")),
      snapshotter_(variable("NODE_SNAPSHOTTER")),
      sandbox_image_(variable("NODE_SANDBOX_IMAGE")) {}

Payload ContainerdNode::runtime_options() const {
  ::containerd::runc::v1::Options options;
  options.set_root(directory_ / "runc");
  return {"containerd.runc.v1.Options", options.SerializeAsString()};
}

std::string ContainerdNode::daemon_config() const {
  return "cri.runtime = \"containerd\"\n"
         "cri.restrict_oom_score_adj = true\n"  // not every machine lets root lower its own
         "cri.snapshotter = \"" +
         snapshotter_ + "\"\ncri.sandbox_image = \"" + sandbox_image_ + "\"\n";
}

void ContainerdNode::complete(::containerd::services::sandbox::v1::ControllerCreateRequest& request) const {
  auto& runtime = *request.mutable_sandbox()->mutable_runtime();
  const auto options = runtime_options();
  runtime.set_name(runtime_name);
  runtime.mutable_options()->set_type_url(options.type_url);
  runtime.mutable_options()->set_value(options.value);
}

std::string ContainerdNode::leftovers(const std::set<std::string>& ids) const {
  return in_containerd(ids) + on_the_machine(ids) + mounts(ids) + processes(ids);
}

// With a client that shares no code with ours.
std::string ContainerdNode::in_containerd(const std::set<std::string>& ids) const {
  std::string all;
  const auto look = [&](const std::string& kind, const std::string& listing, const std::string& prefix = "") {
    std::istringstream lines(ctr(listing));
    for (std::string line, name; std::getline(lines, line);) {
      std::istringstream(line) >> name;
      if (name.starts_with(prefix) && ids.contains(name.substr(prefix.size()))) {
        all.append(" ").append(kind).append(" ").append(name);
      }
    }
  };
  look("container", "containers ls -q");
  look("task", "tasks ls -q");
  look("lease", "leases ls -q", "podsandboxd-");
  look("snapshot", "snapshots --snapshotter " + snapshotter_ + " ls");
  return all;
}

std::string ContainerdNode::on_the_machine(const std::set<std::string>& ids) const {
  std::string all;
  const auto look = [&all](const fs::path& path) {
    if (fs::exists(path)) all += " " + path.string();
  };
  for (const auto& id : ids) {
    look(directory_ / "state/io.containerd.runtime.v2.task/k8s.io" / id);
    look(directory_ / "runc/k8s.io" / id);
    const auto sockets = host::shim_sockets(socket_, id);
    look(sockets.task);
    look(sockets.debug);
    for (const auto& mount : host::find_cgroup_mounts().paths)
      look(mount.string() + cgroup_parent() + "/" + id);
  }
  return all;
}

std::string ContainerdNode::mounts(const std::set<std::string>& ids) const {
  std::string all;
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line, skipped, path; std::getline(mountinfo, line);) {
    std::istringstream(line) >> skipped >> skipped >> skipped >> skipped >> path;
    if (path.starts_with(directory_.string() + "/") && has_part(path, '/', ids)) all += " mount " + path;
  }
  return all;
}

// Their shims, and what of runc is under way.
std::string ContainerdNode::processes(const std::set<std::string>& ids) const {
  std::string all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    if (std::atoi(entry.path().filename().c_str()) <= 0) continue;
    const auto command = content(entry.path() / "cmdline");
    if (command.find(directory_.string() + "/") == std::string::npos || !has_part(command, '\0', ids))
      continue;
    all += " process " + entry.path().filename().string() + " " + command.substr(0, command.find('\0'));
  }
  return all;
}

std::string ContainerdNode::ctr(const std::string& arguments) const {
  const std::string command = ctr_ + " -a " + socket_ + " -n k8s.io " + arguments;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) throw std::runtime_error(command);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    output.append(buffer.data(), got);
  return output;
}

// Only the program itself: before it there is runc.
bool pause_heeds_signals(std::uint32_t pid) {
  constexpr auto bits = (1ULL << (SIGTERM - 1)) | (1ULL << (SIGINT - 1));
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string name;
  unsigned long long caught = 0;
  for (std::string key, value; status >> key >> value; std::getline(status, value)) {
    if (key == "Name:") name = value;
    if (key == "SigCgt:") caught = std::stoull(value, nullptr, 16);
  }
  return name == "pause" && (caught & bits) == bits;
}

std::string files_in(const std::vector<fs::path>& directories) {
  std::string all;
  std::error_code none;
  for (const auto& directory : directories) {
    for (const auto& entry : fs::directory_iterator(directory, none)) all += " " + entry.path().string();
  }
  return all;
}

}  // namespace podsandbox::test
