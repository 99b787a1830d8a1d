#include "services/linux/shims/shim_record.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "messages/failpoint.hpp"
#include "messages/sandbox_spec.hpp"
#include "services/host/file_text.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/small_file.hpp"
#include "services/host/system_error.hpp"

namespace podsandbox::linux_runtime {

namespace {

namespace fs = std::filesystem;

std::optional<ShimRecord> read_shim_record(const ShimPlace& place) {
  constexpr std::size_t longest = 4096;
  const auto text = host::read_small_file(place.record, longest);
  if (!text) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(*text);
    return ShimRecord{json.at("boot_id"), json.at("pid"), json.at("start_time")};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

bool same_directory(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

// What it runs works in its directory, too, and is told by other arguments. A process that is about to become
// the shim is a copy of ourselves.
bool is_shim_of(int pid, const std::string& id) {
  const std::string proc = "/proc/" + std::to_string(pid);
  const auto arguments = host::read_file(proc + "/cmdline").value_or("");
  const std::string wanted = std::string("\0-id\0", 5) + id + '\0';
  return arguments.find(wanted) != std::string::npos || same_directory(proc + "/exe", "/proc/self/exe");
}

}  // namespace

Result<Done> write_shim_record(const ShimPlace& place, const ShimRecord& record) {
  const std::string draft = place.record + "~";
  const std::string text =
      nlohmann::json{{"boot_id", record.boot_id}, {"pid", record.pid}, {"start_time", record.start_time}}
          .dump();
  failpoint("shim's record is drafted");
  {
    const host::UniqueFd file(open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return failure(ErrorKind::unavailable, host::because("writing " + draft));
    }
  }
  failpoint("shim's record takes its place");
  if (std::rename(draft.c_str(), place.record.c_str()) != 0) {
    return failure(ErrorKind::unavailable, host::because("writing " + place.record));
  }
  failpoint("shim's record is there");
  return Done{};
}

void remove_shim_record(const ShimPlace& place) {
  failpoint("shim's record goes");
  unlink(place.record.c_str());
}

std::vector<std::string> FormerShims::ids() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(shim_bundles_dir(state_dir_), error)) {
    std::string id = entry.path().filename();
    if (is_identifier(id)) found.push_back(std::move(id));
  }
  return found;
}

bool FormerShims::had(const std::string& id) const {
  std::error_code error;
  return fs::exists(shim_place(state_dir_, id).log, error);
}

std::optional<ShimProcess> FormerShims::find(const std::string& id, const std::string& boot_id) {
  if (!had(id)) return std::nullopt;
  const auto record = read_shim_record(shim_place(state_dir_, id));
  if (record && record->boot_id == boot_id) {
    auto pidfd = host::open_process(record->pid, record->start_time);
    if (pidfd && !host::has_ended(pidfd.get())) {
      return ShimProcess{record->pid, record->start_time, std::move(pidfd)};
    }
  }
  return find_by_directory(id);
}

std::optional<ShimProcess> FormerShims::find_by_directory(const std::string& id) {
  if (!in_bundles_) look_at_processes();
  const auto [begin, end] = in_bundles_->equal_range(id);
  for (auto it = begin; it != end; ++it) {
    const int pid = it->second;
    const auto stat = host::read_stat(pid);
    if (!stat || !is_shim_of(pid, id)) continue;
    auto pidfd = host::open_process(pid, stat->start_time);
    if (pidfd && !host::has_ended(pidfd.get())) return ShimProcess{pid, stat->start_time, std::move(pidfd)};
  }
  return std::nullopt;
}

// A process in a mount namespace of its own may call any directory so: it counts which one it is.
void FormerShims::look_at_processes() {
  in_bundles_.emplace();
  std::error_code error;
  const auto bundles = fs::canonical(shim_bundles_dir(state_dir_), error);
  if (error) return;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    int pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size())
      continue;
    const auto cwd = entry.path() / "cwd";
    std::error_code unreadable;
    const auto directory = fs::read_symlink(cwd, unreadable);
    if (unreadable || directory.parent_path() != bundles || !same_directory(cwd, directory)) continue;
    in_bundles_->emplace(directory.filename(), pid);
  }
}

}  // namespace podsandbox::linux_runtime
