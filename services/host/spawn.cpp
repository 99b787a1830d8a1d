#include "services/host/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    // All: sigfillset leaves out two that the C library keeps to itself, and one of them would stay ignored,
    // also in whatever the program starts.
    std::memset(&signals, 0xff, sizeof signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

/// What happens in the child, with its descriptors and directory, before the program is loaded.
class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  /// 0 or an errno.
  int prepare(const Program& program) {
    int free_number = STDERR_FILENO + 1;
    for (const auto& fd : program.descriptors) free_number = std::max(free_number, fd.its + 1);
    for (const auto& fd : program.descriptors) {
      // Copies above all numbers that are given away: none is overwritten before its turn comes.
      const auto& copy = copies_.emplace_back(fcntl(fd.ours, F_DUPFD_CLOEXEC, free_number));
      if (!copy) return errno;
      if (const int error = posix_spawn_file_actions_adddup2(&actions_, copy.get(), fd.its)) return error;
    }
    for (int number = STDERR_FILENO + 1; number < free_number; ++number) {
      const auto given = [number](const InheritedFd& fd) { return fd.its == number; };
      if (std::ranges::any_of(program.descriptors, given)) continue;
      if (const int error = posix_spawn_file_actions_addclose(&actions_, number)) return error;
    }
    if (const int error = posix_spawn_file_actions_addclosefrom_np(&actions_, free_number)) return error;
    if (program.directory.empty()) return 0;
    return posix_spawn_file_actions_addchdir_np(&actions_, program.directory.c_str());
  }

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
  std::vector<UniqueFd> copies_;
};

ErrorKind kind_of(int error) {
  const bool nothing_left = error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
  return nothing_left ? ErrorKind::resource_exhausted : ErrorKind::failed_precondition;
}

}  // namespace

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  all.reserve(variables.size());
  for (const auto& [name, value] : variables) all.emplace_back(name).append("=").append(value);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto replaced = [text](const auto& variable) { return text.starts_with(variable.first + "="); };
    if (std::ranges::none_of(variables, replaced)) all.emplace_back(text);
  }
  return all;
}

Result<pid_t> spawn(const Program& program) {
  std::vector<std::string> words{program.path};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<std::string> variables = program.environment;
  const Attributes attributes;
  Actions actions;
  pid_t pid = 0;
  int error = actions.prepare(program);
  if (error == 0) {
    error = posix_spawnp(&pid, program.path.c_str(), actions.get(), attributes.get(),
                         pointers_to(words).data(), pointers_to(variables).data());
  }
  if (error != 0) return failure(kind_of(error), because("starting " + program.path, error));
  return pid;
}

}  // namespace podsandbox::host
