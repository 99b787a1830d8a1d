#include "services/host/oom_score.hpp"

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::host {

namespace {

int write_score(int pid, int value) {
  const UniqueFd fd(open(("/proc/" + std::to_string(pid) + "/oom_score_adj").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(value);
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

}  // namespace

int own_oom_score_adj() {
  int value = 0;
  std::ifstream("/proc/self/oom_score_adj") >> value;
  return value;
}

Result<int> set_oom_score_adj(int pid, int value) {
  int error = write_score(pid, value);
  if (error == EACCES) {
    value = std::max(value, own_oom_score_adj());
    error = write_score(pid, value);
  }
  if (error == 0) return value;
  return failure(ErrorKind::internal, because("setting oom_score_adj of process " + std::to_string(pid) +
                                                  " to " + std::to_string(value),
                                              error));
}

}  // namespace podsandbox::host
