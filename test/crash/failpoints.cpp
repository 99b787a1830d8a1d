#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include "messages/failpoint.hpp"

/// Failpoints that the environment arms, linked in place of those that do nothing:
/// PODSANDBOX_FAILPOINT=NAME#N kills the process when it passes NAME for the Nth time;
/// PODSANDBOX_FAILPOINT_LOG=FILE appends the name of each pass, one a line.
namespace podsandbox {

namespace {

std::string from_environment(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets one
  return value == nullptr ? "" : value;
}

class Failpoints {
 public:
  Failpoints() {
    const auto log = from_environment("PODSANDBOX_FAILPOINT_LOG");
    if (!log.empty()) log_ = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const auto armed = from_environment("PODSANDBOX_FAILPOINT");
    const auto hash = armed.rfind('#');
    if (hash == std::string::npos) return;
    name_ = armed.substr(0, hash);
    int number = 0;
    std::from_chars(armed.data() + hash + 1, armed.data() + armed.size(), number);
    left_ = number;
  }

  void pass(std::string_view name) {
    if (log_ >= 0) {
      const auto line = std::string(name) + "\n";
      [[maybe_unused]] const auto written = write(log_, line.data(), line.size());  // one write, so whole
    }
    if (name != name_ || --left_ != 0) return;
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }

 private:
  int log_ = -1;
  std::string name_;
  std::atomic<int> left_ = 0;  // passes until the last
};

}  // namespace

void failpoint(const char* name) {
  static Failpoints failpoints;
  failpoints.pass(name);
}

}  // namespace podsandbox
