#include "test/linux/runtime_home.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "services/linux/shims/shim_place.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

namespace fs = std::filesystem;

namespace {

// Level by level: some cgroup may go just then, and that would be the end of a recursive iterator.
void add_cgroups_named(const std::string& name, const fs::path& directory, std::vector<fs::path>& found) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; it != end; it.increment(error)) {
    if (it->is_symlink(error) || !it->is_directory(error)) continue;
    if (it->path().filename() == name) found.push_back(it->path());
    add_cgroups_named(name, it->path(), found);
  }
}

}  // namespace

RuntimeHome::RuntimeHome() {
  std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = pattern;
  const fs::path programs = PODSANDBOX_PROGRAMS;
  fs::copy_file(programs / "podsandbox-keeper", settings().keeper_program);
  fs::copy_file(programs / "podsandbox-test-pause", settings().pause_program);
}

// Again and again until there is none: a dying keeper may have made one more.
RuntimeHome::~RuntimeHome() {
  eventually([this] {
    auto all = running(settings().keeper_program);
    const auto pauses = running(settings().pause_program);
    all.insert(all.end(), pauses.begin(), pauses.end());
    for (const int pid : all) kill_hard(pid);
    return all.empty();
  });
  for (const std::string& mount : mounts()) umount2(mount.c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

linux_runtime::Settings RuntimeHome::settings() const {
  linux_runtime::Settings settings;
  settings.state_dir = path_ / "state";
  settings.data_dir = path_ / "data";
  settings.keeper_program = path_ / "keeper";
  settings.pause_program = path_ / "pause";
  settings.cri.root_dir = path_ / "cri-root";
  settings.cri.state_dir = path_ / "cri-state";
  return settings;
}

std::vector<int> RuntimeHome::running(const fs::path& program) {
  std::vector<int> pids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && fs::read_symlink(entry.path() / "exe", error) == program && !error) pids.push_back(pid);
  }
  return pids;
}

// Without their children that do not run pause yet, which are in a pid namespace of their own already.
std::vector<int> RuntimeHome::keepers() const {
  auto pids = running(settings().keeper_program);
  std::erase_if(pids, [](int pid) { return namespace_of(pid, "pid") != namespace_of(getpid(), "pid"); });
  return pids;
}

std::vector<int> RuntimeHome::children_of_keepers() const {
  std::vector<int> pids;
  for (const int keeper : keepers()) {
    const std::string pid = std::to_string(keeper);
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    for (int child = 0; children >> child;) pids.push_back(child);
  }
  return pids;
}

std::vector<std::string> RuntimeHome::records() const {
  std::set<std::string> ids;  // a record and what its start was asked are two files
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(settings().data_dir / "sandboxes", error)) {
    const std::string name = entry.path().filename();
    ids.insert(name.substr(0, name.find('+')));
  }
  return {ids.begin(), ids.end()};
}

std::vector<std::string> RuntimeHome::mounts() const {
  std::vector<std::string> all;
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line, skipped, path; std::getline(mountinfo, line);) {
    std::istringstream(line) >> skipped >> skipped >> skipped >> skipped >> path;
    if (path.starts_with(path_.string() + "/")) all.push_back(path);
  }
  return all;
}

std::string RuntimeHome::leftovers() const {
  std::string all;
  for (const int pid : pauses()) all += " pause " + std::to_string(pid);
  for (const int pid : children_of_keepers()) all += " child " + std::to_string(pid);
  for (const std::string& id : records()) all += " record " + id;
  for (const std::string& mount : mounts()) all += " mount " + mount;
  for (const fs::path& base :
       {fs::path(settings().cri.root_dir) / "sandboxes", fs::path(settings().cri.state_dir) / "sandboxes",
        linux_runtime::shim_sockets_dir(settings().state_dir),
        linux_runtime::shim_bundles_dir(settings().state_dir)}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(base, none)) all += " " + entry.path().string();
  }
  return all;
}

void kill_hard(int pid) {
  ::kill(pid, SIGKILL);
}

std::string namespace_of(int pid, const std::string& name) {
  std::error_code error;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + name, error);
}

std::vector<fs::path> cgroups_named(const std::string& name) {
  std::vector<fs::path> found;
  add_cgroups_named(name, "/sys/fs/cgroup", found);
  return found;
}

std::vector<fs::path> cgroups_named(const std::string& name, const std::string& above) {
  std::vector<fs::path> found;
  for (const auto& directory : cgroups_named(above)) add_cgroups_named(name, directory, found);
  return found;
}

}  // namespace podsandbox::test
