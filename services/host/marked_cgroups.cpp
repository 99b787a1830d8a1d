#include "services/host/marked_cgroups.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <deque>
#include <memory>
#include <string_view>

#include "services/host/owner_mark.hpp"

namespace podsandbox::host {

namespace {

// In one hierarchy. Whoever may make cgroups in one of his own may make very many, far below ours.
constexpr std::size_t most_looked_at = 50'000;

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

// A cgroup has a link from each one in it, and two more.
bool has_others_in_it(const std::string& cgroup) {
  struct stat facts {};
  return lstat(cgroup.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_nlink > 2;
}

// One hierarchy, level by level: what is far below comes last.
class Walk {
 public:
  Walk(const std::string& mount, const std::string& owner, MarkedCgroups& found)
      : mount_(mount), owner_(owner), found_(found) {}

  void run() {
    waiting_.emplace_back();
    for (std::size_t looked_at = 0; !waiting_.empty(); ++looked_at) {
      if (looked_at == most_looked_at) {
        found_.complete = false;
        return;
      }
      const std::string path = std::move(waiting_.front());
      waiting_.pop_front();
      read_marks(path);
      if (has_others_in_it(mount_ + path)) list(path);
    }
  }

 private:
  void read_marks(const std::string& path) {
    const std::string cgroup = mount_ + path;
    for (const std::string& mark : list_marks(cgroup)) {
      if (read_mark(cgroup, mark) != owner_) continue;
      if (mark == owner_mark) {
        found_.paths.insert(path);
      } else if (mark.starts_with(making_mark)) {
        found_.paths.insert(path + "/" + mark.substr(std::string_view(making_mark).size()));
      }
    }
  }

  void list(const std::string& path) {
    const std::unique_ptr<DIR, CloseDir> dir(opendir((mount_ + path).c_str()));
    if (!dir) return;
    while (const dirent* entry = readdir(dir.get())) {  // NOLINT(concurrency-mt-unsafe): a DIR of our own
      const std::string_view name = static_cast<const char*>(entry->d_name);
      if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
      waiting_.push_back(path + "/" + std::string(name));
    }
  }

  const std::string mount_;
  const std::string& owner_;
  MarkedCgroups& found_;
  std::deque<std::string> waiting_;
};

}  // namespace

MarkedCgroups find_marked_cgroups(const CgroupMounts& mounts, const std::string& owner) {
  MarkedCgroups found;
  for (const auto& mount : mounts.paths) Walk(mount, owner, found).run();
  return found;
}

}  // namespace podsandbox::host
