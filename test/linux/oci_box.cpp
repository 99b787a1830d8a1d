#include "test/linux/oci_box.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "services/host/cgroup.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/program.hpp"
#include "services/host/runc_cgroup.hpp"

namespace podsandbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto patience = 20s;

// It refuses to work where a controller is left to the second of two versions of cgroups.
constexpr const char* crun_in_version_one =
    R"(exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"' crun "$@")";

json config_of(const OciBox::Container& container, const fs::path& rootfs, const std::string& cgroup) {
  json namespaces = json::array({{{"type", "mount"}}, {{"type", "ipc"}}, {{"type", "uts"}}});
  if (container.own_pids) namespaces.push_back({{"type", "pid"}});
  return {{"ociVersion", "1.0.2"},
          {"root", {{"path", rootfs.string()}}},
          {"process",
           {{"user", {{"uid", 0}, {"gid", 0}}},
            {"args", {"/bin/sh", "-c", container.command}},
            {"env", {"PATH=/bin", "VARIABLE=" + container.variable}},
            {"cwd", "/"}}},
          {"mounts", {{{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}}}},
          {"annotations", {{"io.kubernetes.cri.sandbox-id", container.sandbox}}},
          {"linux", {{"namespaces", namespaces}, {"cgroupsPath", cgroup}}}};
}

}  // namespace

OciBox::OciBox(const std::string& program) {
  std::string pattern = fs::temp_directory_path() / "podsandbox-oci-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  cgroup_ = "/" + directory_.filename().string();
  fs::create_directories(directory_ / "rootfs/bin");
  for (const char* directory : {"proc", "dev", "sys"})
    fs::create_directory(directory_ / "rootfs" / directory);
  for (const char* name : {"sh", "sleep", "setsid"})
    fs::copy_file("/bin/busybox", directory_ / "rootfs/bin" / name);
  runtime_ = {program == "crun" ? script("crun", crun_in_version_one) : program, directory_ / "state"};
}

OciBox::~OciBox() {
  static_cast<void>(host::clear_runc_cgroup(cgroup_, patience));
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

int OciBox::run(const Container& container) const {
  fs::create_directories(bundle(container.id));
  const auto config = config_of(container, directory_ / "rootfs", cgroup_ + "/" + container.id);
  std::ofstream(bundle(container.id) / "config.json") << config.dump();
  const fs::path pid_file = directory_ / (container.id + ".pid");
  ask({"run", "--detach", "--pid-file", pid_file, "--bundle", bundle(container.id), container.id});
  int pid = 0;
  std::ifstream(pid_file) >> pid;
  return pid;
}

void OciBox::ask(const std::vector<std::string>& words) const {
  host::Program program{
      runtime_.binary, {"--root", runtime_.root / "k8s.io"}, host::environment_with({}), "/", {}};
  program.arguments.insert(program.arguments.end(), words.begin(), words.end());
  const auto output = host::run_program(program, "", {patience}, host::Messages::read);
  if (!output) throw std::runtime_error(words.front() + ": " + output.error().message);
  if (output->exit_status != 0) throw std::runtime_error(words.front() + ": " + output->messages);
}

std::vector<fs::path> OciBox::cgroups(const std::string& id) const {
  std::vector<fs::path> all;
  for (const auto& mount : host::find_all_hierarchies()) {
    const fs::path cgroup = mount.string() + cgroup_ + "/" + id;
    if (fs::exists(cgroup)) all.push_back(cgroup);
  }
  return all;
}

void OciBox::make_cgroup(const std::string& id, int pid) const {
  for (const auto& mount : host::find_all_hierarchies()) {
    const fs::path cgroup = mount.string() + cgroup_ + "/" + id;
    fs::create_directories(cgroup);
    if (pid == 0) continue;
    if (cgroup.string().find("/cpuset/") != std::string::npos) continue;  // has no processors yet
    std::ofstream(cgroup / "cgroup.procs") << pid << std::flush;
  }
}

std::vector<int> OciBox::processes(const std::string& id) const {
  std::vector<int> pids;
  if (cgroups(id).empty()) return pids;
  std::ifstream file(cgroups(id).front() / "cgroup.procs");
  for (int pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

std::optional<fs::path> OciBox::freeze_below(const std::string& id) const {
  for (const auto& cgroup : cgroups(id)) {
    if (!fs::exists(cgroup / "freezer.state")) continue;
    fs::create_directory(cgroup / "below");
    for (const int pid : processes(id)) std::ofstream(cgroup / "below/cgroup.procs") << pid << std::flush;
    std::ofstream(cgroup / "below/freezer.state") << "FROZEN" << std::flush;
    return cgroup / "below/freezer.state";
  }
  return std::nullopt;
}

std::string OciBox::script(const std::string& name, const std::string& lines) const {
  const fs::path file = directory_ / name;
  std::ofstream(file) << "#!/bin/sh\n" << lines << "\n";
  chmod(file.c_str(), 0755);
  return file;
}

bool runs(int pid) {
  const auto stat = host::read_stat(pid);
  return stat && stat->state != 'Z';
}

}  // namespace podsandbox::test
