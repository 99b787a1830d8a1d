#include "services/host/spawn.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <tuple>

#include "services/host/program.hpp"
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

// As it was when we were started, if we have raised it.
std::optional<rlimit>& first_file_limit() {
  static std::optional<rlimit> limit;
  return limit;
}

/// What the child needs. It shares our memory until it has become the program or has failed, so it may not so
/// much as allocate; and what it writes, we read.
struct Child {
  const Program& program;
  std::string path;
  std::vector<char*> words;
  std::vector<char*> variables;
  std::vector<UniqueFd> copies;  // above all numbers that are given away: none is overwritten before its turn
  int first_free = STDERR_FILENO + 1;
  volatile int error = 0;  // an errno

  void copy_descriptors() {
    for (const auto& fd : program.descriptors) first_free = std::max(first_free, fd.its + 1);
    for (const auto& fd : program.descriptors) {
      if (!copies.emplace_back(fcntl(fd.ours, F_DUPFD_CLOEXEC, first_free))) error = errno;
    }
  }

  bool is_given(int number) const {
    return std::ranges::any_of(program.descriptors, [number](const auto& fd) { return fd.its == number; });
  }

  bool places_descriptors() const {
    for (std::size_t i = 0; i < copies.size(); ++i) {
      if (dup2(copies[i].get(), program.descriptors[i].its) < 0) return false;
    }
    for (int number = STDERR_FILENO + 1; number < first_free; ++number) {
      if (!is_given(number)) close(number);
    }
    return close_range(static_cast<unsigned>(first_free), ~0U, 0) == 0;
  }

  // The directory first: by it somebody else may know the program, should we die now.
  bool prepares() const {
    const auto& files = first_file_limit();
    return (program.directory.empty() || chdir(program.directory.c_str()) == 0) && setpgid(0, 0) == 0 &&
           places_descriptors() && (!files || setrlimit(RLIMIT_NOFILE, &*files) == 0);
  }

  [[noreturn]] void become_program() {
    if (prepares()) {
      // What is handled goes back to its default with our program, and must not be handled before. The C
      // library refuses two signals, which it keeps to itself and handles.
      for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      execve(path.c_str(), words.data(),
             variables.data());  // not execvp: that gives what is damaged to a shell
    }
    error = errno;
    _exit(EXIT_FAILURE);
  }
};

/// -1 and an error in it, or the child.
pid_t start(Child& child) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours runs in the child
  // posix_spawn cannot set limits, and a fork would copy the tables of all our memory.
  const pid_t pid = vfork();             // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) child.become_program();  // NOLINT(clang-analyzer-unix.Vfork): it does not return
  if (pid < 0) child.error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0 || child.error == 0) return pid;
  waitpid(pid, nullptr, 0);
  return -1;
}

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

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  first_file_limit() = limit;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Result<pid_t> spawn(const Program& program) {
  const std::string what = "starting " + program.path;
  const bool is_path = program.path.find('/') != std::string::npos;
  const char* directories = is_path ? nullptr : std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  const auto path =
      is_path ? program.path : find_program(program.path, directories == nullptr ? "" : directories);
  if (!path) return failure(ErrorKind::failed_precondition, because(what, ENOENT));
  std::vector<std::string> words{program.path};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<std::string> variables = program.environment;
  Child child{program, *path, pointers_to(words), pointers_to(variables), {}};
  child.copy_descriptors();
  const pid_t pid = child.error == 0 ? start(child) : -1;
  if (pid < 0) return failure(kind_of(child.error), because(what, child.error));
  return pid;
}

}  // namespace podsandbox::host
