#include "services/host/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>

#include "services/host/system_error.hpp"

namespace podsandbox::host {

namespace {

/// A process in a user namespace of its own that does nothing: a namespace is made with its first process.
/// It shares our memory, so making it copies nothing; it uses none of it but its stack.
class Resident {
 public:
  Resident() : stack_(std::make_unique<Stack>()) {
    pid_ = clone(idle, stack_->data() + stack_->size(), CLONE_NEWUSER | CLONE_VM | SIGCHLD, nullptr);
    error_ = pid_ < 0 ? errno : 0;
  }
  ~Resident() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;

  int error() const { return error_; }
  std::string proc(const char* file) const { return "/proc/" + std::to_string(pid_) + "/" + file; }

 private:
  struct alignas(16) Stack : std::array<char, 16384> {};

  // Bare system calls: the C library would take us for the thread that made us.
  static int idle(void*) {
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
  }

  std::unique_ptr<Stack> stack_;
  int pid_ = -1;
  int error_ = 0;
};

int write_mapping(const std::string& file, const IdRange& range) {
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string line = std::to_string(range.inside) + " " + std::to_string(range.outside) + " " +
                           std::to_string(range.length) + "\n";
  return fd && write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : errno;
}

tl::unexpected<Error> failed(const char* step, int error) {
  return failure(ErrorKind::internal, because(std::string("making a user namespace: ") + step, error));
}

}  // namespace

Result<UniqueFd> make_user_namespace(const UserNamespace& mappings) {
  const Resident resident;
  if (resident.error() != 0) return failed("its first process", resident.error());
  if (const int error = write_mapping(resident.proc("uid_map"), mappings.uids)) return failed("uids", error);
  if (const int error = write_mapping(resident.proc("gid_map"), mappings.gids)) return failed("gids", error);
  UniqueFd fd(open(resident.proc("ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return failed("opening it", errno);
  return fd;
}

}  // namespace podsandbox::host
