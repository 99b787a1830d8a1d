#include "services/host/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "messages/failpoint.hpp"
#include "services/host/file_text.hpp"
#include "services/host/owner_mark.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

namespace fs = std::filesystem;

// On its parent while it is made: to make and to mark it are two calls, and we may be killed between them.
std::string mark_on_parent(const fs::path& cgroup) {
  return making_mark + cgroup.filename().string();
}

// One that names no owner was made by an earlier version.
bool is_ours(const fs::path& cgroup, const std::string& owner) {
  auto mark = read_mark(cgroup);
  if (!mark) mark = read_mark(cgroup.parent_path(), mark_on_parent(cgroup));
  return mark && (*mark == owner || mark->empty());
}

int write_text(const fs::path& file, const std::string& text) {
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || write(fd.get(), text.data(), text.size()) < 0) return errno;
  return 0;
}

std::string read_text(const fs::path& file) {
  return read_file(file).value_or("");
}

// A new cpuset of v1 is empty and takes no process until it has been given something, nor does any below it.
void fill_cpuset(const fs::path& cgroup) {
  if (access((cgroup / "cpuset.cpus").c_str(), F_OK) != 0) return;
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    const std::string text = read_text(cgroup / file);
    if (text.find_first_not_of(" \n") == std::string::npos) {
      write_text(cgroup / file, read_text(cgroup.parent_path() / file));
    }
  }
}

// As far as they go: on v2 a cgroup has no figures of its own unless its parent says so.
void enable_controllers(const fs::path& parent) {
  for (const char* controller : {"+cpu", "+memory", "+pids"}) {
    write_text(parent / "cgroup.subtree_control", controller);
  }
}

// All cgroups from below `mount` down to `path`.
std::vector<fs::path> chain(const fs::path& mount, const std::string& path) {
  std::vector<fs::path> all;
  fs::path at = mount;
  for (const auto& part : fs::path(path).relative_path()) all.push_back(at /= part);
  return all;
}

// 0 or an errno; EEXIST when there is one, whosoever.
int make_marked(const fs::path& cgroup, const std::string& owner) {
  if (access(cgroup.c_str(), F_OK) == 0) return EEXIST;
  const fs::path parent = cgroup.parent_path();
  const std::string making = mark_on_parent(cgroup);
  // Where it cannot be (a very long name), only a crash just now would leave the cgroup behind.
  set_mark(parent, owner, making);
  int error = mkdir(cgroup.c_str(), 0755) == 0 ? 0 : errno;
  failpoint("cgroup is there");
  if (error == 0) {
    error = set_mark(cgroup, owner);
    if (error != 0) rmdir(cgroup.c_str());
  }
  remove_mark(parent, making);
  return error;
}

// 0 or an errno; EEXIST for a last one that is somebody else's.
int make_chain(const fs::path& mount, const std::string& path, bool unified, const std::string& owner) {
  const auto cgroups = chain(mount, path);
  for (const fs::path& cgroup : cgroups) {
    if (unified) enable_controllers(cgroup.parent_path());
    const int error = make_marked(cgroup, owner);
    if (error != 0 && error != EEXIST) return error;
    if (error == EEXIST && cgroup == cgroups.back() && !is_ours(cgroup, owner)) return EEXIST;
    if (!unified) fill_cpuset(cgroup);
  }
  return 0;
}

int set_least_share(const fs::path& cgroup, bool unified) {
  const fs::path file = cgroup / (unified ? "cpu.weight" : "cpu.shares");
  const int error = write_text(file, unified ? "1" : "2");
  return error == ENOENT ? 0 : error;  // no cpu controller here
}

int make_one(const fs::path& mount, const std::string& path, bool unified, const std::string& owner,
             CgroupDoors* doors) {
  failpoint("cgroup is made");
  // A parent may go away under us when another sandbox, its last, is removed.
  constexpr int attempts = 10;
  int error = 0;
  for (int i = 0; i < attempts; ++i) {
    error = make_chain(mount, path, unified, owner);
    if (error != ENOENT) break;
  }
  const fs::path cgroup = mount / fs::path(path).relative_path();
  if (error == 0) error = set_least_share(cgroup, unified);
  if (error != 0) return error;
  UniqueFd door(unified ? open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                        : open((cgroup / "tasks").c_str(), O_WRONLY | O_CLOEXEC));
  if (!door) return errno;
  if (unified) {
    doors->directory = std::move(door);
  } else {
    doors->tasks.push_back(std::move(door));
  }
  return 0;
}

// From the last one up, to the first that is not ours or that others are in: the last of them removes it.
int remove_one(const fs::path& mount, const std::string& path, const std::string& owner) {
  failpoint("cgroup is removed");
  const auto cgroups = chain(mount, path);
  for (auto cgroup = cgroups.rbegin(); cgroup != cgroups.rend(); ++cgroup) {
    const bool exists = access(cgroup->c_str(), F_OK) == 0 || errno != ENOENT;
    if (exists && !is_ours(*cgroup, owner)) return 0;
    if (exists && rmdir(cgroup->c_str()) != 0 && errno != ENOENT) {
      return cgroup == cgroups.rbegin() ? errno : 0;
    }
    remove_mark(cgroup->parent_path(), mark_on_parent(*cgroup));
  }
  return 0;
}

// mountinfo writes blanks, tabs, newlines and backslashes as \ooo.
std::string unescape(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

namespace {

struct BothVersions {
  CgroupMounts v1;
  CgroupMounts v2{true, {}};
};

BothVersions parse_all_mounts(const std::string& mountinfo) {
  BothVersions all;
  std::set<std::string> seen;  // by device: a hierarchy may be mounted at several places
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const auto separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream before(line);
    std::istringstream after(line.substr(separator + 3));
    std::string skipped;
    std::string device;
    std::string path;
    std::string type;
    before >> skipped >> skipped >> device >> skipped >> path;
    after >> type;
    if ((type != "cgroup" && type != "cgroup2") || !seen.insert(device).second) continue;
    (type == "cgroup" ? all.v1 : all.v2).paths.emplace_back(unescape(path));
  }
  return all;
}

}  // namespace

CgroupMounts parse_cgroup_mounts(const std::string& mountinfo) {
  auto all = parse_all_mounts(mountinfo);
  return all.v1.paths.empty() ? std::move(all.v2) : std::move(all.v1);
}

std::vector<std::filesystem::path> find_all_hierarchies() {
  auto all = parse_all_mounts(read_text("/proc/self/mountinfo"));
  auto paths = std::move(all.v1.paths);
  paths.insert(paths.end(), all.v2.paths.begin(), all.v2.paths.end());
  return paths;
}

CgroupMounts find_cgroup_mounts() {
  return parse_cgroup_mounts(read_text("/proc/self/mountinfo"));
}

Result<CgroupDoors> make_cgroup(const CgroupMounts& mounts, const std::string& path,
                                const std::string& owner) {
  if (mounts.paths.empty()) {
    return failure(ErrorKind::failed_precondition, "cgroup " + path + ": no cgroup hierarchy is mounted");
  }
  if (!mounts.unified && mounts.paths.size() > most_hierarchies) {
    return failure(ErrorKind::failed_precondition, "cgroup " + path + ": more than " +
                                                       std::to_string(most_hierarchies) +
                                                       " cgroup hierarchies are mounted");
  }
  CgroupDoors doors;
  for (const fs::path& mount : mounts.paths) {
    const int error = make_one(mount, path, mounts.unified, owner, &doors);
    if (error == 0) continue;
    const auto kind = error == EEXIST ? ErrorKind::already_exists : ErrorKind::internal;
    return failure(kind, because("making cgroup " + mount.string() + path, error));
  }
  return doors;
}

// Where it cannot be read there may be some.
bool has_processes(const CgroupMounts& mounts, const std::string& path) {
  return std::any_of(mounts.paths.begin(), mounts.paths.end(), [&](const fs::path& mount) {
    const UniqueFd file(open((mount.string() + path + "/cgroup.procs").c_str(), O_RDONLY | O_CLOEXEC));
    char first = 0;
    return file ? read(file.get(), &first, 1) != 0 : errno != ENOENT;
  });
}

Result<Done> remove_cgroup(const CgroupMounts& mounts, const std::string& path, const std::string& owner) {
  for (const fs::path& mount : mounts.paths) {
    const int error = remove_one(mount, path, owner);
    if (error != 0) {
      return failure(ErrorKind::unavailable, because("removing cgroup " + mount.string() + path, error));
    }
  }
  return Done{};
}

}  // namespace podsandbox::host
