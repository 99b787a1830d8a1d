#include "services/containerd/runtime/nri_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "services/host/process_facts.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using Clock = std::chrono::steady_clock;
using host::because;
using host::UniqueFd;

constexpr const char* own_directory = "/opt/nri/bin";
constexpr std::size_t longest_output = 1 << 20;

/// A killed process is gone at once, or it hangs in the kernel and nobody can help.
constexpr auto patience_with_killed = std::chrono::seconds(1);

tl::unexpected<Error> failed(const std::string& what, int error = errno) {
  return failure(ErrorKind::internal, because(what, error));
}

bool is_program(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && access(path.c_str(), X_OK) == 0;
}

/// A file that holds the request: it takes all of it at once, whatever the plugin reads of it.
Result<UniqueFd> file_with(const std::string& request) {
  UniqueFd file(memfd_create("nri-request", MFD_CLOEXEC));
  if (!file) return failed("making a file for its request");
  for (std::size_t done = 0; done < request.size();) {
    const auto written = write(file.get(), request.data() + done, request.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("writing its request");
    done += static_cast<std::size_t>(written);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return failed("writing its request");
  return file;
}

std::vector<std::string> environment_with(const std::string& path) {
  std::vector<std::string> variables{"PATH=" + path};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("PATH=")) variables.emplace_back(*entry);
  }
  return variables;
}

/// How a plugin starts: leading a process group of its own, by which all of it can be killed, and with the
/// signals that this daemon ignores or blocks as any program expects them.
class SpawnSettings {
 public:
  SpawnSettings(int input, int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

Result<pid_t> spawn(const std::string& program, const std::string& path, const UniqueFd& input,
                    const UniqueFd& output) {
  std::vector<std::string> words{program, "invoke"};
  auto variables = environment_with(path);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  const SpawnSettings settings(input.get(), output.get());
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), settings.actions(), settings.attributes(),
                                pointers(words).data(), pointers(variables).data());
  if (error != 0) return failure(ErrorKind::failed_precondition, because("starting " + program, error));
  return pid;
}

/// What poll() is to wait at most.
int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 1'000'000'000));
}

/// A plugin that runs. It is reaped when this is destroyed, and killed before if it still runs then.
class Running {
 public:
  Running(pid_t pid, UniqueFd output)
      : pid_(pid), pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))), output_(std::move(output)) {}
  ~Running() {
    if (!reaped_) end();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// What it wrote until it exited.
  Result<PluginOutput> finish(std::chrono::nanoseconds timeout) {
    if (!pidfd_) return failed("watching it");
    const auto end = Clock::now() + timeout;
    while (true) {
      std::array<pollfd, 2> watched{{{output_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}}};
      const int ready = poll(watched.data(), watched.size(), milliseconds_until(end));
      if (ready < 0 && errno != EINTR) return failed("waiting for it");
      if (ready == 0 && Clock::now() >= end) return took_too_long(timeout);
      if (ready <= 0) continue;
      // It is asked for last, before all is read that it wrote.
      if (!read_output()) {
        return failure(ErrorKind::internal,
                       "it wrote more than " + std::to_string(longest_output) + " bytes and was killed");
      }
      if (watched[1].revents != 0) return PluginOutput{std::move(text_), reap()};
    }
  }

 private:
  static tl::unexpected<Error> took_too_long(std::chrono::nanoseconds timeout) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    return failure(ErrorKind::deadline_exceeded,
                   "it did not end within " + std::to_string(limit) + " ms and was killed");
  }

  /// All that is there now. False when it is too much.
  bool read_output() {
    std::array<char, 4096> buffer{};
    while (output_) {
      const auto got = read(output_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) output_.reset();  // closed: poll() passes over it from now on
      if (got > 0) text_.append(buffer.data(), static_cast<std::size_t>(got));
      if (text_.size() > longest_output) return false;
    }
    return true;
  }

  std::uint32_t reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    return host::exit_status(status);
  }

  /// The group has its number as long as the plugin is not reaped.
  void end() {
    kill(-pid_, SIGKILL);
    pollfd ended{pidfd_.get(), POLLIN, 0};
    const auto patience = Clock::now() + patience_with_killed;
    while (pidfd_ && poll(&ended, 1, milliseconds_until(patience)) < 0 && errno == EINTR) {
    }
    waitpid(pid_, nullptr, pidfd_ ? WNOHANG : 0);
  }

  const pid_t pid_;
  const UniqueFd pidfd_;
  UniqueFd output_;
  std::string text_;
  bool reaped_ = false;
};

}  // namespace

std::string plugin_path(const char* path) {
  if (path == nullptr || *path == '\0') return own_directory;
  return std::string(path) + ":" + own_directory;
}

Result<std::string> find_plugin(const std::string& type, const std::string& path) {
  if (type.starts_with('/')) {
    if (is_program(type)) return type;
    return failure(ErrorKind::failed_precondition, "it is no executable file");
  }
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    const std::string directory = path.substr(begin, end - begin);
    const std::string program = directory + "/" + type;
    if (directory.starts_with('/') && is_program(program)) return program;
    begin = end + 1;
  }
  return failure(ErrorKind::failed_precondition, "there is no executable file of this name in " + path);
}

Result<PluginOutput> run_plugin(const std::string& program, const std::string& path,
                                const std::string& request, std::chrono::nanoseconds timeout) {
  const auto input = file_with(request);
  if (!input) return tl::unexpected<Error>(input.error());
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed("making a pipe for its result");
  UniqueFd ours(ends[0]);
  UniqueFd its(ends[1]);
  if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return failed("making a pipe for its result");
  const auto pid = spawn(program, path, *input, its);
  if (!pid) return tl::unexpected<Error>(pid.error());
  its.reset();  // so that its end is that of the pipe
  return Running(*pid, std::move(ours)).finish(timeout);
}

}  // namespace podsandbox::containerd_runtime
