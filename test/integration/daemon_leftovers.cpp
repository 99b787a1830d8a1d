#include "test/integration/daemon_leftovers.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace podsandbox::test {

namespace {

namespace fs = std::filesystem;

std::vector<pid_t> running(const fs::path& program) {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && fs::read_symlink(entry.path() / "exe", error) == program && !error) pids.push_back(pid);
  }
  return pids;
}

fs::path pid_namespace(pid_t pid) {
  std::error_code error;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/ns/pid", error);
}

std::string mounts_in(const fs::path& directory) {
  std::string all;
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line, skipped, path; std::getline(mountinfo, line);) {
    std::istringstream(line) >> skipped >> skipped >> skipped >> skipped >> path;
    if (path.starts_with(directory.string() + "/")) all += " mount " + path;
  }
  return all;
}

std::string entries_of(const fs::path& directory) {
  std::string all;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory, none)) all += " " + entry.path().string();
  return all;
}

}  // namespace

// Without their children that do not run pause yet, which are in a pid namespace of their own already.
std::vector<pid_t> keepers_of(const DaemonProcess& daemon) {
  auto pids = running(daemon.keeper_program());
  std::erase_if(pids, [](pid_t pid) { return pid_namespace(pid) != pid_namespace(getpid()); });
  return pids;
}

// Under version 1 each controller has a hierarchy of its own.
std::string cgroups_at(const std::string& path) {
  std::string all;
  std::error_code none;
  if (fs::exists("/sys/fs/cgroup/" + path, none)) all += " cgroup " + path;
  for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup", none)) {
    if (fs::exists(hierarchy.path() / path, none)) all += " cgroup " + (hierarchy.path() / path).string();
  }
  return all;
}

std::string leftovers_of(const DaemonProcess& daemon) {
  std::string all;
  for (const pid_t pid : running(daemon.pause_program())) all += " pause " + std::to_string(pid);
  for (const pid_t pid : running(daemon.keeper_program())) all += " keeper " + std::to_string(pid);
  const auto& directory = daemon.directory();
  all += mounts_in(directory);
  for (const char* place :
       {"cri-root/sandboxes", "cri-state/sandboxes", "data/sandboxes", "data/containers"}) {
    all += entries_of(directory / place);
  }
  return all;
}

}  // namespace podsandbox::test
