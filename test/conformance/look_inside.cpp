#include "test/conformance/look_inside.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "test/linux/runtime_home.hpp"

namespace podsandbox::test {

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) text += static_cast<char>(c);
  pclose(pipe);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string inside(int pid, const std::string& command) {
  return output_of("nsenter -t " + std::to_string(pid) + " " + command);
}

std::string status_line(int pid, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name + ":")) continue;
    const auto value = line.find_first_not_of(" \t", name.size() + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return {};
}

OtherNetwork::OtherNetwork(int flags) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  pid_ = fork();
  if (pid_ == 0) {
    const char told = unshare(flags) == 0 ? '1' : '0';
    if (write(ready[1], &told, 1) == 1) pause();
    _exit(1);
  }
  char told = 0;
  const bool ok = read(ready[0], &told, 1) == 1 && told == '1';
  close(ready[0]);
  close(ready[1]);
  if (!ok) throw std::runtime_error("unshare");
  if ((flags & CLONE_NEWUSER) == 0) return;
  for (const char* map : {"uid_map", "gid_map"}) {
    std::ofstream("/proc/" + std::to_string(pid_) + "/" + map) << "0 200000 65536\n";
  }
}

OtherNetwork::~OtherNetwork() {
  kill_hard(pid_);
  waitpid(pid_, nullptr, 0);
}

std::string OtherNetwork::path() const {
  return "/proc/" + std::to_string(pid_) + "/ns/net";
}

std::string OtherNetwork::name() const {
  return namespace_of(pid_, "net");
}

}  // namespace podsandbox::test
