#include "services/linux/keeper_launch.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <csignal>

#include "messages/failpoint.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unix_socket.hpp"
#include "services/linux/keeper_protocol.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr int socket_type = SOCK_SEQPACKET | SOCK_NONBLOCK;

struct KeeperFds {
  int listener;
  int trouble;
};

// In a forked child of a process with threads: only what is safe after fork, and no memory is allocated.
[[noreturn]] void become_keeper(const char* program, const KeeperFds& fds) {
  constexpr int clear_of_low_numbers = 10;
  const int listener = fcntl(fds.listener, F_DUPFD, clear_of_low_numbers);
  const int trouble = fcntl(fds.trouble, F_DUPFD, clear_of_low_numbers);
  const int null = open("/dev/null", O_RDWR);
  for (int standard = 0; standard <= 2; ++standard) dup2(null, standard);
  dup2(listener, keeper_listen_fd);
  syscall(SYS_close_range, keeper_listen_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::array<char*, 2> argv{const_cast<char*>("podsandbox-keeper"), nullptr};
  std::array<char*, 1> envp{nullptr};
  execve(program, argv.data(), envp.data());
  const int error = errno;
  [[maybe_unused]] const auto written = write(trouble, &error, sizeof error);
  _exit(127);
}

// Forks twice, so that whoever adopts orphans reaps the keeper. Only waits for the first child, which ends at
// once.
int start_detached(const char* program, const KeeperFds& fds) {
  const pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    setsid();
    const pid_t keeper = fork();
    if (keeper == 0) become_keeper(program, fds);
    _exit(keeper < 0 ? errno : 0);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

}  // namespace

std::filesystem::path keeper_socket(const Settings& settings) {
  return settings.state_dir / "keeper.sock";
}

Result<host::UniqueFd> connect_keeper(const Settings& settings) {
  const auto path = keeper_socket(settings);
  auto connection = host::connect_to(path, socket_type);
  if (connection || errno == ENOENT || errno == ECONNREFUSED) return connection;
  return failure(ErrorKind::unavailable, host::because("connecting to " + path.string()));
}

Result<LaunchedKeeper> launch_keeper(const Settings& settings) {
  const auto path = keeper_socket(settings);
  const auto listener = host::listen_at(path, socket_type);
  if (!listener) {
    return failure(ErrorKind::unavailable, host::because("listening for the keeper on " + path.string()));
  }
  auto connection = connect_keeper(settings);
  if (!connection) return tl::unexpected(connection.error());

  std::array<int, 2> ends{};
  const std::string what = "starting the keeper " + settings.keeper_program.string();
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return failure(ErrorKind::unavailable, host::because(what));
  host::UniqueFd trouble(ends[0]);
  const host::UniqueFd trouble_writer(ends[1]);
  failpoint("keeper is launched");
  const int error = start_detached(settings.keeper_program.c_str(), {listener.get(), trouble_writer.get()});
  failpoint("keeper runs");
  if (error != 0) return failure(ErrorKind::unavailable, host::because(what, error));
  return LaunchedKeeper{std::move(*connection), std::move(trouble)};
}

}  // namespace podsandbox::linux_runtime
