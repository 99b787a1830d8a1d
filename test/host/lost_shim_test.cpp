#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "proto/shim_task.pb.h"
#include "proto/ttrpc.pb.h"
#include "services/host/shim.hpp"
#include "services/host/ttrpc.hpp"

namespace podsandbox::host {

namespace {

namespace fs = std::filesystem;

constexpr int unknown = 2;  // gRPC's

enum class Behaviour { refuses, is_silent };

bool receive(int fd, std::string* text, std::size_t size) {
  text->assign(size, '\0');
  return recv(fd, text->data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

/// A process with a container that it cannot remove, which says so or nothing.
class Shim {
 public:
  explicit Shim(Behaviour behaviour) {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    const int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, sockets().task.c_str());
    BOOST_REQUIRE(bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(listen(listening, 1) == 0);
    pid_ = fork();
    if (pid_ == 0) serve(listening, behaviour);
    close(listening);
  }
  ~Shim() {
    if (!ended()) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    fs::remove_all(directory_);
  }
  Shim(const Shim&) = delete;
  Shim& operator=(const Shim&) = delete;

  ShimSockets sockets() const { return {directory_ / "task", directory_ / "debug"}; }
  bool ended() {
    if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }

 private:
  [[noreturn]] static void serve(int listening, Behaviour behaviour) {
    const int fd = accept(listening, nullptr, nullptr);
    constexpr std::size_t header_size = 10;
    std::string header, body;
    while (receive(fd, &header, header_size) && receive(fd, &body, ttrpc_length(header))) {
      if (behaviour == Behaviour::is_silent) continue;
      ::ttrpc::Request request;
      request.ParseFromString(body);
      ::ttrpc::Response response;
      if (request.method() == "Delete") {
        response.mutable_status()->set_code(unknown);
      } else if (request.method() == "Connect") {
        ::containerd::task::v3::ConnectResponse connected;
        connected.set_shim_pid(static_cast<std::uint32_t>(getpid()));
        response.set_payload(connected.SerializeAsString());
      }
      const auto answer = response.SerializeAsString();
      std::string size(4, '\0');
      size[3] = static_cast<char>(answer.size());
      const std::string frame = size + header.substr(4, 4) + '\2' + '\0' + answer;
      (void)!write(fd, frame.data(), frame.size());
    }
    for (;;) pause();  // it does not end because nobody asks it any more
  }

  fs::path directory_;
  pid_t pid_ = -1;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_shims)

// It has to go all the same, or what its start left stays for good.
BOOST_AUTO_TEST_CASE(one_that_cannot_remove_its_container_is_killed) {
  Shim shim(Behaviour::refuses);
  const auto ended = end_lost_shim(shim.sockets(), "pod", std::chrono::milliseconds(400));
  BOOST_TEST((ended ? "" : ended.error().message) == "");
  BOOST_TEST(shim.ended());
  BOOST_TEST(!fs::exists(shim.sockets().task));
}

BOOST_AUTO_TEST_CASE(one_that_is_silent_is_told_of_in_time) {
  Shim shim(Behaviour::is_silent);
  const auto begun = std::chrono::steady_clock::now();
  const auto ended = end_lost_shim(shim.sockets(), "pod", std::chrono::milliseconds(400));
  BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(2)));
  BOOST_REQUIRE(!ended.has_value());
  BOOST_TEST((ended.error().kind == ErrorKind::unavailable));
  BOOST_TEST(ended.error().message == "ending its shim, which containerd has lost: it does not answer");
  BOOST_TEST(!shim.ended());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::host
