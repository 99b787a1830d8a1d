#include "services/host/runc_cgroup.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <string>

#include "services/host/cgroup.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::host {

BOOST_AUTO_TEST_SUITE(runc_cgroups)

BOOST_AUTO_TEST_CASE(paths) {
  BOOST_TEST(runc_cgroup("", "box") == "/k8s.io/box");
  BOOST_TEST(runc_cgroup("/kubepods/pod1", "box") == "/kubepods/pod1/box");
  BOOST_TEST(runc_cgroup("/", "box") == "/box");
  BOOST_TEST(runc_cgroup("kubepods-pod1.slice", "box") ==
             "/kubepods.slice/kubepods-pod1.slice/cri-containerd-box.scope");
  BOOST_TEST(runc_cgroup("/a/../b", "box") == "");
}

// What is in it is killed, and it is removed from every hierarchy; none is no failure.
BOOST_AUTO_TEST_CASE(cleared) {
  const std::string path = "/podsandbox-runc-" + std::to_string(getpid());
  BOOST_TEST(clear_runc_cgroup(path, std::chrono::seconds(5)).has_value());
  const auto mounts = find_all_hierarchies();
  BOOST_REQUIRE(!mounts.empty());
  for (const auto& mount : mounts) BOOST_REQUIRE(mkdir((mount.string() + path).c_str(), 0755) == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  std::ofstream(mounts.front().string() + path + "/cgroup.procs") << child << std::flush;
  signal(SIGCHLD, SIG_IGN);  // nobody waits for it
  BOOST_TEST(clear_runc_cgroup(path, std::chrono::seconds(5)).has_value());
  for (const auto& mount : mounts) BOOST_TEST(access((mount.string() + path).c_str(), F_OK) != 0);
  BOOST_TEST(test::eventually([&] { return kill(child, 0) != 0; }));
  signal(SIGCHLD, SIG_DFL);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::host
