#include "test/crash/mortal_daemon.hpp"

#include <sys/wait.h>

#include <csignal>
#include <optional>
#include <stdexcept>
#include <utility>

namespace podsandbox::test {

namespace fs = std::filesystem;

std::mutex& spawning() {
  static std::mutex mutex;
  return mutex;
}

MortalDaemon::MortalDaemon(fs::path directory, DaemonOptions options)
    : directory_(std::move(directory)), options_(std::move(options)) {}

bool MortalDaemon::start(const std::string& program, const std::vector<std::string>& environment) {
  auto command = daemon_command(directory_, options_);
  command.front() = fs::path(command.front()).replace_filename(program);
  const auto socket = directory_ / "d.sock";
  std::optional<fs::file_time_type> before;
  if (fs::is_socket(socket)) before = fs::last_write_time(socket);
  {
    const std::lock_guard lock(spawning());
    pid_ = spawn(command, environment);
  }
  const auto listens = [&] {
    std::error_code none;
    return ended() || (fs::is_socket(socket, none) && fs::last_write_time(socket, none) != before);
  };
  if (!eventually(listens)) throw std::runtime_error("the daemon does not listen");
  const auto connection = channel();
  const auto connected = [&] {
    constexpr auto moment = std::chrono::milliseconds(20);
    return ended() || connection->WaitForConnected(std::chrono::system_clock::now() + moment);
  };
  if (!eventually(connected)) throw std::runtime_error("the daemon does not serve");
  return !ended();
}

bool MortalDaemon::ended() {
  if (pid_ >= 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

bool MortalDaemon::was_killed() const {
  return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
}

void MortalDaemon::kill() {
  if (ended()) return;
  ::kill(pid_, SIGKILL);
  if (waitpid(pid_, &status_, 0) == pid_) pid_ = -1;
}

}  // namespace podsandbox::test
