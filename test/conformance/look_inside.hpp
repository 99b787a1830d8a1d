#pragma once

#include <sched.h>

#include <string>

/// What the kernel shows of a sandbox, from outside and from inside.
namespace podsandbox::test {

/// What a command prints, without the newlines at its end.
std::string output_of(const std::string& command);

/// What a command prints in namespaces of the process `pid`: options of nsenter(1), then the command.
std::string inside(int pid, const std::string& command);

/// The value of a line of /proc/PID/status.
std::string status_line(int pid, const std::string& name);

/// Namespaces of another process, which live as long as this.
class OtherNetwork {
 public:
  /// `flags` are unshare(2)'s; with CLONE_NEWUSER the user namespace has the ids from 200000 on.
  explicit OtherNetwork(int flags);
  ~OtherNetwork();
  OtherNetwork(const OtherNetwork&) = delete;
  OtherNetwork& operator=(const OtherNetwork&) = delete;

  int pid() const { return pid_; }
  std::string path() const;
  std::string name() const;

 private:
  int pid_ = -1;
};

}  // namespace podsandbox::test
