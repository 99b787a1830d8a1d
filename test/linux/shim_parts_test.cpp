#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "services/host/unique_fd.hpp"
#include "services/linux/shims/shim_binary.hpp"
#include "services/linux/shims/shim_log.hpp"
#include "services/linux/shims/shim_place.hpp"
#include "services/linux/shims/shim_process.hpp"

namespace podsandbox::test {

using namespace linux_runtime;

namespace {

namespace fs = std::filesystem;

struct Directory {
  Directory() {
    std::string pattern = fs::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }

  void make_program(const fs::path& file, fs::perms mode = fs::perms::owner_all) const {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "#!/bin/sh\n";
    fs::permissions(file, mode);
  }

  fs::path path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(shim_parts)

BOOST_AUTO_TEST_CASE(names_of_shims) {
  BOOST_TEST(shim_name("io.containerd.runc.v2").value() == "containerd-shim-runc-v2");
  BOOST_TEST(shim_name("/opt/bin/containerd-shim-runc-v2").value() == "/opt/bin/containerd-shim-runc-v2");
  for (const char* other :
       {"", "runc", "io.containerd.runc.v1", "io.containerd.kata.v2", "io.containerd.runc.v2 ", "/",
        "/usr/bin/containerd-shim-kata-v2", "containerd-shim-runc-v2", "bin/containerd-shim-runc-v2",
        "/bin/containerd-shim-runc-v2/"}) {
    const auto refused = shim_name(other);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().kind == ErrorKind::unimplemented));
    BOOST_TEST(refused.error().message.find("\"" + std::string(other) + "\"") != std::string::npos);
  }
}

BOOST_FIXTURE_TEST_CASE(shims_are_found_in_PATH, Directory) {
  make_program(path / "a/containerd-shim-runc-v2", fs::perms::owner_read);
  make_program(path / "b/containerd-shim-runc-v2");
  make_program(path / "c/containerd-shim-runc-v2");
  const std::string places = (path / "none").string() + "::" + (path / "a").string() + ":" +
                             (path / "b").string() + ":" + (path / "c").string();
  // Root may read everything, but executes only what somebody may.
  BOOST_TEST(find_shim("io.containerd.runc.v2", places, "/none").value() ==
             path / "b/containerd-shim-runc-v2");
  const std::string itself = path / "c/containerd-shim-runc-v2";
  BOOST_TEST(find_shim(itself, "", "/none").value() == itself);
}

// What listens at the socket stands in for containerd: this test.
BOOST_FIXTURE_TEST_CASE(shims_are_found_beside_containerd, Directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string containerd = path / "c.sock";
  std::memcpy(address.sun_path, containerd.c_str(), containerd.size() + 1);
  const host::UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  BOOST_REQUIRE(listen(listener.get(), 1) == 0);
  const auto here = fs::read_symlink("/proc/self/exe").parent_path();
  const auto missing = find_shim("io.containerd.runc.v2", "/none:/nowhere", containerd);
  BOOST_REQUIRE(!missing);
  BOOST_TEST((missing.error().kind == ErrorKind::failed_precondition));
  for (const std::string& text :
       {std::string("\"io.containerd.runc.v2\""), std::string("containerd-shim-runc-v2"),
        std::string("/none:/nowhere"), here.string()}) {
    BOOST_TEST(missing.error().message.find(text) != std::string::npos, missing.error().message);
  }
  make_program(here / "containerd-shim-runc-v2");
  const auto found = find_shim("io.containerd.runc.v2", "/none:/nowhere", containerd);
  fs::remove(here / "containerd-shim-runc-v2");
  BOOST_TEST(found.value() == here / "containerd-shim-runc-v2");
  const auto gone = find_shim("io.containerd.runc.v2", "/none", "/no/containerd.sock");
  BOOST_REQUIRE(!gone);
  BOOST_TEST((gone.error().kind == ErrorKind::unavailable));
  BOOST_TEST(
      gone.error().message.find("/no/containerd.sock: connecting to it: No such file") != std::string::npos,
      gone.error().message);
}

BOOST_AUTO_TEST_CASE(sockets_have_short_paths) {
  const std::string longest_id(76, 'x');
  const std::string longest_dir = "/" + std::string(longest_state_dir - 1, 'd');
  BOOST_TEST(draft_of(shim_place(longest_dir, longest_id).socket).size() ==
             sizeof(sockaddr_un::sun_path) - 1);
  BOOST_TEST(shim_place("/run/podsandboxd", "a").socket != shim_place("/run/podsandboxd", "b").socket);
  BOOST_TEST(shim_place("/run/podsandboxd", "a").bundle == "/run/podsandboxd/shims/a");
}

BOOST_AUTO_TEST_CASE(environments) {
  ShimOrder order;
  order.id = "pod";
  order.containerd_address = "/run/c.sock";
  const auto environment =
      shim_environment({"PATH=/bin", "GOMAXPROCS=1", "OTEL_SERVICE_NAME=mine", "NOTIFY_SOCKET=/n",
                        "LISTEN_FDS=1", "LISTEN_FDS_OF_MINE=1", "EMPTY="},
                       order);
  const std::vector<std::string> expected{"GOMAXPROCS=4",
                                          "MAX_SHIM_VERSION=2",
                                          "NAMESPACE=k8s.io",
                                          "OTEL_SERVICE_NAME=containerd-shim-pod",
                                          "GRPC_ADDRESS=/run/c.sock",
                                          "TTRPC_ADDRESS=/run/c.sock.ttrpc",
                                          "PATH=/bin",
                                          "LISTEN_FDS_OF_MINE=1",
                                          "EMPTY="};
  BOOST_TEST(environment == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(levels) {
  BOOST_TEST((level_of_shim_line("time=\"x\" level=info msg=\"y\"") == log::Level::info));
  BOOST_TEST((level_of_shim_line("time=\"x\" level=warning msg=\"y\"") == log::Level::warn));
  BOOST_TEST((level_of_shim_line("time=\"x\" level=error msg=\"y\"") == log::Level::error));
  BOOST_TEST((level_of_shim_line("time=\"x\" level=debug msg=\"y\"") == log::Level::debug));
  BOOST_TEST((level_of_shim_line("panic: nil map") == log::Level::warn));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
