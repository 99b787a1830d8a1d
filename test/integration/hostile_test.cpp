#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <random>

#include "test/integration/daemon_process.hpp"

/// Input is hostile: what comes from outside is refused clearly, and the daemon goes on serving others.
namespace podsandbox::test {

namespace {

int connect_raw(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  BOOST_REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile)

BOOST_AUTO_TEST_CASE(garbage_on_the_socket) {
  DaemonProcess daemon;
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const int fd = connect_raw(daemon.socket());
    std::string garbage(static_cast<std::size_t>(random() % 20000), '\0');
    for (auto& byte : garbage) byte = static_cast<char>(random());
    if (i % 3 == 0) garbage = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + garbage;
    (void)send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
    close(fd);
  }
  const auto stub = daemon.controller();
  run(*stub, "pod-a");
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_READY");
}

/// Connections that say nothing cost others nothing.
BOOST_AUTO_TEST_CASE(silent_connections) {
  DaemonProcess daemon;
  std::vector<int> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(connect_raw(daemon.socket()));
  const auto stub = daemon.controller();
  run(*stub, "pod-a");
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_READY");
  for (const int fd : silent) close(fd);
}

/// The limit is containerd's: what fits 16 MiB is taken, what does not is refused by its size.
BOOST_AUTO_TEST_CASE(oversized_messages) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto create_with = [&](const std::string& id, std::size_t bytes) {
    auto request = create_request(id);
    (*request.mutable_sandbox()->mutable_extensions())["big"].set_value(std::string(bytes, 'x'));
    grpc::ClientContext context;
    controller::ControllerCreateResponse response;
    return stub->Create(&context, request, &response);
  };
  BOOST_TEST(create_with("pod-a", 15U << 20U).ok());
  const auto refused = create_with("pod-b", 17U << 20U);
  BOOST_TEST((refused.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED), refused.error_message());
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_UNKNOWN");
}

BOOST_AUTO_TEST_CASE(ids_that_are_paths) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  for (const std::string& id : {std::string(), std::string(".."), std::string("../../etc/passwd"),
                                std::string("a/b"), std::string("a\nb"), std::string(77, 'a')}) {
    const auto created = create(*stub, id);
    BOOST_TEST((created.error_code() == grpc::StatusCode::INVALID_ARGUMENT), created.error_message());
    BOOST_TEST(created.error_message().find("sandbox_id") != std::string::npos);
    BOOST_TEST((stop(*stub, id).error_code() == grpc::StatusCode::INVALID_ARGUMENT));
    BOOST_TEST((shutdown(*stub, id).error_code() == grpc::StatusCode::INVALID_ARGUMENT));
  }
}

/// Thousands of labels and annotations are data like any other.
BOOST_AUTO_TEST_CASE(thousands_of_labels) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  auto request = create_request("pod-a");
  for (int i = 0; i < 5000; ++i) {
    (*request.mutable_sandbox()->mutable_labels())["label-" + std::to_string(i)] = std::string(100, 'v');
    (*request.mutable_annotations())["ünïcode-" + std::to_string(i)] = "väl\n\x01";
  }
  grpc::ClientContext context;
  controller::ControllerCreateResponse response;
  BOOST_REQUIRE(stub->Create(&context, request, &response).ok());
  start(*stub, "pod-a");
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_READY");
}

/// A netns path whose opening hangs (a FIFO here, a dead NFS server elsewhere) hangs its own Start and
/// nothing else: not other sandboxes, not the caller's deadline, not the end of the daemon.
BOOST_AUTO_TEST_CASE(a_path_that_hangs) {
  TemporaryDirectory directory;
  const auto fifo = (directory.path() / "netns").string();
  BOOST_REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  auto request = create_request("hangs");
  request.set_netns_path(fifo);
  {
    grpc::ClientContext context;
    controller::ControllerCreateResponse response;
    BOOST_REQUIRE(stub->Create(&context, request, &response).ok());
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  controller::ControllerStartRequest start_request;
  start_request.set_sandbox_id("hangs");
  controller::ControllerStartResponse response;
  const auto started = stub->Start(&context, start_request, &response);
  BOOST_TEST((started.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED));
  run(*stub, "healthy");
  BOOST_TEST(stop(*stub, "healthy").ok());
  BOOST_TEST(eventually([&] { return state(*stub, "hangs").find("does not exist") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(the_socket_is_for_its_owner_alone) {
  DaemonProcess daemon;
  struct stat found {};
  BOOST_REQUIRE(stat(daemon.socket().c_str(), &found) == 0);
  BOOST_TEST((found.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
