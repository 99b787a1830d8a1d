#include "services/linux/sandbox_cgroup.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>
#include <thread>

#include "services/host/owner_mark.hpp"
#include "test/linux/fake_systemd.hpp"
#include "test/linux/private_bus.hpp"
#include "test/linux/runtime_home.hpp"

namespace podsandbox::test {

using namespace linux_runtime;

namespace {

// A directory that stands for a cgroup hierarchy: systemd's part in it is played by the test.
struct Hierarchy {
  Hierarchy() {
    std::string pattern = std::filesystem::temp_directory_path() / "podsandbox-XXXXXX";
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Hierarchy() { std::filesystem::remove_all(path); }
  Hierarchy(const Hierarchy&) = delete;
  Hierarchy& operator=(const Hierarchy&) = delete;

  CgroupMakers makers(const std::string& bus) const {
    return {{true, {path}}, {bus}, std::chrono::seconds(60), "us"};
  }

  std::filesystem::path path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(sandbox_cgroups)

BOOST_AUTO_TEST_CASE(places) {
  BOOST_TEST((place_cgroup("/kubepods//pod1/", "box").value() ==
              CgroupPlace{"/kubepods/pod1", "/kubepods/pod1/box"}));
  BOOST_TEST((place_cgroup("/", "box").value() == CgroupPlace{"", "/box"}));
  BOOST_TEST((place_cgroup("/x/a-b.slice", "box").value() ==
              CgroupPlace{"/a.slice/a-b.slice", "/a.slice/a-b.slice/cri-containerd-box.scope"}));
  BOOST_TEST((place_cgroup("-.slice", "box").value() == CgroupPlace{"/", "/cri-containerd-box.scope"}));
  BOOST_TEST(place_cgroup("a/../b", "box").error().find("..") != std::string::npos);
  BOOST_TEST(place_cgroup("a--b.slice", "box").error().find("empty part") != std::string::npos);
}

// Told by the path alone, whatever a sandbox or a parent of ours is called.
BOOST_AUTO_TEST_CASE(told_by_path) {
  for (const std::string id : {"box", "box.scope", "cri-containerd-box.scope"}) {
    for (const char* parent : {"/", "/a", "/a.slice/b", "/cri-containerd-box.scope", "/a.slice/."}) {
      BOOST_TEST(!is_scope(place_cgroup(parent, id)->path, id));
    }
    for (const char* parent : {"-.slice", "a-b.slice"})
      BOOST_TEST(is_scope(place_cgroup(parent, id)->path, id));
  }
}

// In a slice it is systemd that makes it, and nobody makes a directory.
BOOST_AUTO_TEST_CASE(in_a_slice) {
  const Hierarchy hierarchy;
  const PrivateBus bus;
  const FakeSystemd systemd(bus.address());
  const auto makers = hierarchy.makers(bus.address());
  const auto entered = enter_sandbox_scope(makers, "/x/a-b.slice", "box", 4711);
  BOOST_REQUIRE_MESSAGE(entered, entered.error().message);
  BOOST_TEST(std::filesystem::is_empty(hierarchy.path));
  const auto call = systemd.calls().at(0);
  BOOST_TEST(call.unit == "cri-containerd-box.scope");
  BOOST_TEST(call.properties.at("Description") == "s pod sandbox box");
  BOOST_TEST(call.properties.at("Slice") == "s a-b.slice");
  BOOST_TEST(call.properties.at("PIDs") == "au 4711");
  BOOST_TEST(call.properties.at("CPUWeight") == "t 1");
  const std::string path = place_cgroup("a-b.slice", "box")->path;
  BOOST_TEST(remove_sandbox_cgroup(makers, path, "box").has_value());
  BOOST_TEST(systemd.units().empty());
}

// Where there is no systemd there is nothing to remove, unless there is: a bus may be down for a while.
BOOST_AUTO_TEST_CASE(removed_without_systemd) {
  const Hierarchy hierarchy;
  const auto makers = hierarchy.makers("unix:path=/nonexistent/socket");
  const std::string path = place_cgroup("a-b.slice", "box")->path;
  BOOST_TEST(remove_sandbox_cgroup(makers, path, "box").has_value());
  std::filesystem::create_directories(hierarchy.path / path.substr(1));
  const auto removed = remove_sandbox_cgroup(makers, path, "box");
  BOOST_TEST_REQUIRE(!removed.has_value());
  BOOST_TEST((removed.error().kind == ErrorKind::failed_precondition));
}

// More than a process is told to enter: said before anything is made.
BOOST_AUTO_TEST_CASE(too_many_hierarchies) {
  const Hierarchy hierarchy;
  const host::CgroupMounts mounts{false, std::vector(host::most_hierarchies + 1, hierarchy.path)};
  const auto made = host::make_cgroup(mounts, "/a", "us");
  BOOST_TEST_REQUIRE(!made.has_value());
  BOOST_TEST((made.error().kind == ErrorKind::failed_precondition));
  BOOST_TEST(std::filesystem::is_empty(hierarchy.path));
}

// Whoever makes it is killed at any moment: it can be removed, with the parent that was made for it.
BOOST_AUTO_TEST_CASE(killed_while_it_is_made) {
  const auto mounts = host::find_cgroup_mounts();
  const std::string parent = "podsandbox-killed-" + std::to_string(getpid());
  std::mt19937 random(std::random_device{}());
  constexpr int rounds = 200;
  constexpr unsigned longest_us = 4000;
  for (int i = 0; i < rounds; ++i) {
    const pid_t maker = fork();
    if (maker == 0) {
      (void)host::make_cgroup(mounts, "/" + parent + "/box", "us");
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_us));  // a moment by chance
    kill(maker, SIGKILL);
    BOOST_REQUIRE(waitpid(maker, nullptr, 0) == maker);
    BOOST_TEST(host::remove_cgroup(mounts, "/" + parent + "/box", "us").has_value());
    BOOST_REQUIRE(cgroups_named(parent).empty());
  }
}

// One that somebody else made is left alone.
BOOST_AUTO_TEST_CASE(of_somebody_else) {
  const Hierarchy hierarchy;
  const host::CgroupMounts mounts{false, {hierarchy.path}};
  std::filesystem::create_directories(hierarchy.path / "a/box");
  BOOST_TEST((host::make_cgroup(mounts, "/a/box", "us").error().kind == ErrorKind::already_exists));
  BOOST_TEST(host::remove_cgroup(mounts, "/a/box", "us").has_value());
  BOOST_TEST(std::filesystem::exists(hierarchy.path / "a/box"));
}

// So is one that another daemon made.
BOOST_AUTO_TEST_CASE(of_another_owner) {
  const Hierarchy hierarchy;
  const host::CgroupMounts mounts{true, {hierarchy.path}};
  const auto box = hierarchy.path / "a/box";
  BOOST_TEST(host::make_cgroup(mounts, "/a/box", "they").has_value());
  BOOST_TEST((host::make_cgroup(mounts, "/a/box", "us").error().kind == ErrorKind::already_exists));
  BOOST_TEST(host::remove_cgroup(mounts, "/a/box", "us").has_value());
  BOOST_TEST(std::filesystem::exists(box));
  // And one beside it takes only itself away.
  BOOST_TEST(host::make_cgroup(mounts, "/a/other", "us").has_value());
  BOOST_TEST(host::remove_cgroup(mounts, "/a/other", "us").has_value());
  BOOST_TEST(!std::filesystem::exists(hierarchy.path / "a/other"));
  BOOST_TEST(host::remove_cgroup(mounts, "/a/box", "they").has_value());
  BOOST_TEST(std::filesystem::is_empty(hierarchy.path));
}

// An earlier version's mark named nobody: what it made is removed all the same.
BOOST_AUTO_TEST_CASE(of_an_earlier_version) {
  const Hierarchy hierarchy;
  const host::CgroupMounts mounts{true, {hierarchy.path}};
  std::filesystem::create_directories(hierarchy.path / "a/box");
  for (const char* path : {"a", "a/box"}) BOOST_TEST(host::set_mark(hierarchy.path / path, "") == 0);
  BOOST_TEST(host::remove_cgroup(mounts, "/a/box", "us").has_value());
  BOOST_TEST(std::filesystem::is_empty(hierarchy.path));
}

BOOST_AUTO_TEST_CASE(malformed) {
  const auto entered = enter_sandbox_scope({}, "a--b.slice", "box", 4711);
  BOOST_TEST_REQUIRE(!entered.has_value());
  BOOST_TEST((entered.error().kind == ErrorKind::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
