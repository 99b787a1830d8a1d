#include "services/host/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "services/host/poll_time.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

using Clock = std::chrono::steady_clock;

/// A killed process is gone at once, or it hangs in the kernel and nobody can help.
constexpr auto patience_with_killed = std::chrono::seconds(1);

tl::unexpected<Error> failed(const std::string& what, int error = errno) {
  return failure(ErrorKind::internal, because(what, error));
}

/// A file that holds the input: it takes all of it at once, whatever the program reads of it.
Result<UniqueFd> file_with(const std::string& input) {
  UniqueFd file(memfd_create("input", MFD_CLOEXEC));
  if (!file) return failed("making a file for its input");
  for (std::size_t done = 0; done < input.size();) {
    const auto written = write(file.get(), input.data() + done, input.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("writing its input");
    done += static_cast<std::size_t>(written);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return failed("writing its input");
  return file;
}

/// A pipe into which the program writes, and what came out of it.
class OutputPipe {
 public:
  /// False, with errno, when there can be none.
  bool open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    ours_ = UniqueFd(ends[0]);
    its_ = UniqueFd(ends[1]);
    return fcntl(ours_.get(), F_SETFL, O_NONBLOCK) == 0;
  }

  int its() const { return its_.get(); }
  void close_its() { its_.reset(); }  // so that its end is that of the pipe
  int ours() const { return ours_.get(); }

  /// Takes all that is there now. False when it is more than `limit` by then.
  bool read_all(std::size_t limit) {
    std::array<char, 4096> buffer{};
    while (ours_) {
      const auto got = read(ours_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      if (got <= 0) ours_.reset();  // closed: poll() passes over it from now on
      if (got > 0) text_.append(buffer.data(), static_cast<std::size_t>(got));
      if (text_.size() > limit) return false;
    }
    return true;
  }

  std::string& text() { return text_; }

 private:
  UniqueFd ours_;
  UniqueFd its_;
  std::string text_;
};

/// A program that runs. It is reaped when this is destroyed, and killed before if it still runs then.
class Running {
 public:
  Running(pid_t pid, OutputPipe output, OutputPipe messages)
      : pid_(pid),
        pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
        output_(std::move(output)),
        messages_(std::move(messages)) {}
  ~Running() {
    if (!reaped_) end();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// What it wrote until it exited.
  Result<ProgramOutput> finish(const ProgramLimits& limits) {
    if (!pidfd_) return failed("watching it");
    const auto end = Clock::now() + limits.timeout;
    while (true) {
      std::array<pollfd, 3> watched{
          {{output_.ours(), POLLIN, 0}, {messages_.ours(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}}};
      const int ready = poll(watched.data(), watched.size(), poll_time(end));
      if (ready < 0 && errno != EINTR) return failed("waiting for it");
      if (Clock::now() >= end && watched[2].revents == 0) return took_too_long(limits.timeout);
      if (ready <= 0) continue;
      // It is asked for last, before all is read that it wrote.
      if (!output_.read_all(limits.output) || !messages_.read_all(limits.output)) {
        return failure(ErrorKind::internal,
                       "it wrote more than " + std::to_string(limits.output) + " bytes and was killed");
      }
      if (watched[2].revents != 0) {
        return ProgramOutput{std::move(output_.text()), std::move(messages_.text()), reap()};
      }
    }
  }

 private:
  static tl::unexpected<Error> took_too_long(std::chrono::nanoseconds timeout) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    return failure(ErrorKind::deadline_exceeded,
                   "it did not end within " + std::to_string(limit) + " ms and was killed");
  }

  std::uint32_t reap() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    return exit_status(status);
  }

  /// The group has its number as long as the program is not reaped.
  void end() {
    kill(-pid_, SIGKILL);
    if (pidfd_) ends_by(pidfd_.get(), Clock::now() + patience_with_killed);
    waitpid(pid_, nullptr, pidfd_ ? WNOHANG : 0);
  }

  const pid_t pid_;
  const UniqueFd pidfd_;
  OutputPipe output_;
  OutputPipe messages_;
  bool reaped_ = false;
};

}  // namespace

bool is_program(const std::string& path) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::optional<std::string> find_program(const std::string& name, const std::string& path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    auto program = path.substr(begin, end - begin) + "/" + name;
    if (path[begin] == '/' && is_program(program)) return program;
    begin = end + 1;
  }
  return std::nullopt;
}

Result<ProgramOutput> run_program(Program program, const std::string& input, const ProgramLimits& limits,
                                  Messages messages) {
  const auto file = file_with(input);
  if (!file) return tl::unexpected<Error>(file.error());
  OutputPipe output;
  OutputPipe said;
  const bool read_messages = messages == Messages::read;
  if (!output.open() || (read_messages && !said.open())) return failed("making a pipe for its output");
  program.descriptors.push_back({file->get(), STDIN_FILENO});
  program.descriptors.push_back({output.its(), STDOUT_FILENO});
  if (read_messages) program.descriptors.push_back({said.its(), STDERR_FILENO});
  const auto pid = spawn(program);
  if (!pid) return tl::unexpected<Error>(pid.error());
  output.close_its();
  said.close_its();
  return Running(*pid, std::move(output), std::move(said)).finish(limits);
}

}  // namespace podsandbox::host
