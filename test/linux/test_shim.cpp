// Stands in for a shim. Serves descriptor 3 with a protocol of one word a connection:
//   pid       its pid
//   talk N    N lines into ./log, then its pid
// and ttrpc's Shutdown. Beside the program is a directory: a file in it for each start, named by the pid, and
// what a file called `mode` says is how this one behaves: "serve" (also without one), "stays" (Shutdown is
// answered, and that is all), "exits" (at once, with 7), "leaves" (at once, with 0), "hangs" (accepts
// nothing), "accepts" (closes the first connection, and exits with 7).
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

namespace {

constexpr int listener = 3;

std::string home_of(const std::string& program) {
  return program.substr(0, program.rfind('/')) + "/shims";
}

void talk(int lines) {
  const int log = open("log", O_WRONLY);
  for (int i = 0; i < lines; ++i) {
    const std::string line =
        "time=\"2026-01-01T00:00:00Z\" level=info msg=\"line " + std::to_string(i) + "\"\n";
    if (write(log, line.data(), line.size()) < 0) break;
  }
  close(log);
}

void answer(int client, const std::string& request, bool stays) {
  std::string reply = std::to_string(getpid());
  if (request.starts_with("talk ")) talk(std::atoi(request.c_str() + 5));
  const bool shutdown = request.find("Shutdown") != std::string::npos;
  if (shutdown) reply = std::string("\0\0\0\0\0\0\0\1\2\0", 10);
  [[maybe_unused]] const auto sent = send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
  if (shutdown && !stays) _exit(0);
  if (!shutdown) ::shutdown(client, SHUT_WR);
}

void serve(bool stays) {
  std::set<int> clients;
  for (;;) {
    pollfd waited[64] = {{listener, POLLIN, 0}};
    nfds_t count = 1;
    for (const int client : clients) {
      if (count < 64) waited[count++] = {client, POLLIN, 0};
    }
    poll(waited, count, -1);
    if (waited[0].revents != 0) {
      const int client = accept(listener, nullptr, nullptr);
      if (client >= 0) clients.insert(client);
    }
    for (nfds_t i = 1; i < count; ++i) {
      if (waited[i].revents == 0) continue;
      char text[512];
      const auto got = read(waited[i].fd, text, sizeof text);
      if (got > 0) {
        answer(waited[i].fd, std::string(text, static_cast<std::size_t>(got)), stays);
      } else {
        close(waited[i].fd);
        clients.erase(waited[i].fd);
      }
    }
  }
}

}  // namespace

int main(int /*argc*/, char** argv) {
  const std::string home = home_of(argv[0]);
  std::string mode;
  std::ifstream(home + "/mode") >> mode;
  close(creat((home + "/" + std::to_string(getpid())).c_str(), 0600));
  if (mode == "exits") return 7;
  if (mode == "leaves") return 0;
  if (mode == "accepts") {
    pollfd waited{listener, POLLIN, 0};
    poll(&waited, 1, -1);
    close(accept(listener, nullptr, nullptr));
    return 7;
  }
  while (mode == "hangs") pause();
  serve(mode == "stays");
}
