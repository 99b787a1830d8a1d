#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "messages/error.hpp"

namespace podsandbox::host {

struct InheritedFd {
  int ours = -1;
  int its = -1;  // its number there
};

/// A program, and what it is started with. Of our descriptors it gets those that are named, and 0, 1 and 2
/// unless others are named for them; no others, whether or not they are marked close-on-exec.
struct Program {
  std::string path;                      // absolute, or a name without '/' that is looked for in our PATH
  std::vector<std::string> arguments;    // that follow its name
  std::vector<std::string> environment;  // all of it, each NAME=value
  std::string directory;                 // in which it starts, must exist; empty: in ours
  std::vector<InheritedFd> descriptors;  // in any order, they may use each other's numbers
};

/// Our own environment, in which these variables are set.
std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& variables);

/// Raises our limit of open files as far as it may be raised. Call before there are threads.
void raise_file_limit();

/// Starts it as our child, leading a process group of its own by which all of it can be killed, with the
/// signals that this daemon ignores or blocks as any program expects them, and with the limit of open files
/// that we were started with: not every program bears a high one, and containers have that of their shim.
/// FAILED_PRECONDITION when it cannot be executed, RESOURCE_EXHAUSTED when the kernel has no more of
/// something; a directory that does not exist is the first, with ENOENT's text, too. Blocks until the program
/// is loaded, which may hang as files may.
Result<pid_t> spawn(const Program& program);

}  // namespace podsandbox::host
