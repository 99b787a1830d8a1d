#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>

#include "proto/cgroups_v1.pb.h"
#include "proto/cgroups_v2.pb.h"
#include "services/host/cgroup.hpp"
#include "services/linux/pause_protocol.hpp"
#include "test/conformance/linux_fixture.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

namespace {

SpecPtr in_cgroup(const std::string& id, const std::string& parent) {
  return share(spec_of(id, [&](auto& config) { config.mutable_linux()->set_cgroup_parent(parent); }));
}

// A cgroup parent that no other test run uses.
std::string parent_name() {
  return "podsandbox-test-" + std::to_string(getpid());
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool has_cgroups() {
  return !host::find_cgroup_mounts().paths.empty();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linux_cgroups, *boost::unit_test::precondition([](auto) { return has_cgroups(); }))

// The process is in a cgroup of its own below the given parent, in every hierarchy; afterwards that and the
// parents that were made for it are gone.
BOOST_AUTO_TEST_CASE(made_and_removed) {
  LinuxFixture runtime;
  const std::string parent = "/" + parent_name() + "/pod/";
  const auto started = runtime.port().start(in_cgroup("one", parent));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  const auto made = cgroups_named("one", parent_name());
  BOOST_TEST(made.size() == host::find_cgroup_mounts().paths.size());
  for (const auto& cgroup : made) {
    BOOST_TEST(text_of(cgroup / "cgroup.procs") == std::to_string(started->pid) + "\n");
    if (std::filesystem::exists(cgroup / "cpu.shares")) BOOST_TEST(text_of(cgroup / "cpu.shares") == "2\n");
  }
  BOOST_TEST(started->spec.value.find("\"cgroupsPath\":\"/" + parent_name() + "/pod/one\"") !=
             std::string::npos);
  BOOST_TEST(runtime.port().kill("one", SIGTERM).has_value());
  BOOST_TEST(runtime.port().exit_of("one").has_value());
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::task).has_value());
  BOOST_TEST(cgroups_named(parent_name()).empty());
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// Parents that others use or made stay; the last user takes away what was made for all.
BOOST_AUTO_TEST_CASE(shared_parents) {
  LinuxFixture runtime;
  const auto mounts = host::find_cgroup_mounts().paths;
  for (const auto& mount : mounts) std::filesystem::create_directory(mount / parent_name());
  for (const char* id : {"one", "two"})
    BOOST_TEST(runtime.port().start(in_cgroup(id, parent_name() + "/pod")).has_value());
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(cgroups_named("one", parent_name()).empty());
  BOOST_TEST(cgroups_named("two", parent_name()).size() == mounts.size());
  BOOST_TEST(runtime.port().cleanup("two").has_value());
  for (const auto& mount : mounts) {
    BOOST_TEST(std::filesystem::exists(mount / parent_name()));
    BOOST_TEST(!std::filesystem::exists(mount / parent_name() / "pod"));
    std::filesystem::remove(mount / parent_name());
  }
}

// Many in one parent that none of them finds: made and removed concurrently.
BOOST_AUTO_TEST_CASE(concurrently) {
  LinuxFixture runtime;
  constexpr int many = 40;
  const auto id = [](int i) { return "cg-" + std::to_string(i); };
  for (int round = 0; round < 3; ++round) {
    std::vector<std::function<Result<Started>()>> starts;
    for (int i = 0; i < many; ++i) {
      starts.push_back(
          runtime.port().begin<Started>(runtime::Start{in_cgroup(id(i), parent_name() + "/pod")}));
    }
    for (const auto& start : starts) {
      const auto started = start();
      BOOST_TEST(started.has_value(), (started ? "" : started.error().message));
    }
    std::vector<std::function<Result<Done>()>> cleanups;
    for (int i = 0; i < many; ++i) {
      cleanups.push_back(runtime.port().begin<Done>(runtime::Cleanup{id(i), runtime::Extent::everything}));
    }
    for (const auto& cleanup : cleanups) BOOST_TEST(cleanup().has_value());
  }
  BOOST_TEST(cgroups_named(parent_name()).empty());
  BOOST_TEST(runtime.leftovers() == "");
}

// A cgroup that cannot be made, or is somebody else's, fails the start, and nothing of ours is left.
BOOST_AUTO_TEST_CASE(refused) {
  LinuxFixture runtime;
  const auto impossible = runtime.port().start(in_cgroup("one", parent_name() + "/a\nb"));
  BOOST_REQUIRE(!impossible);
  BOOST_TEST((impossible.error().kind == ErrorKind::internal));
  BOOST_TEST(impossible.error().message.find("Invalid argument") != std::string::npos);
  BOOST_TEST(cgroups_named(parent_name()).empty());
  BOOST_TEST(runtime.leftovers() == "");

  const auto mounts = host::find_cgroup_mounts().paths;
  const auto foreign = mounts.back() / parent_name() / "one";
  std::filesystem::create_directories(foreign);
  const auto taken = runtime.port().start(in_cgroup("one", parent_name()));
  BOOST_REQUIRE(!taken);
  BOOST_TEST((taken.error().kind == ErrorKind::already_exists));
  BOOST_TEST((cgroups_named("one", parent_name()) == std::vector<std::filesystem::path>{foreign}));
  BOOST_TEST(runtime.leftovers() == "");
  std::filesystem::remove(foreign);
  std::filesystem::remove(foreign.parent_path());
}

// A pod of this id that another controller has made keeps its files and its cgroup.
BOOST_AUTO_TEST_CASE(of_another_controller) {
  LinuxFixture runtime;
  const auto files = runtime.home().settings().cri.root_dir + "/sandboxes/one";
  const auto cgroup = host::find_cgroup_mounts().paths.back() / parent_name() / "one";
  for (const std::filesystem::path& directory : {std::filesystem::path(files), cgroup}) {
    std::filesystem::create_directories(directory);
  }
  const auto refused = runtime.port().start(in_cgroup("one", parent_name()));
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().kind == ErrorKind::already_exists));
  BOOST_TEST(refused.error().message.find("another controller") != std::string::npos);
  BOOST_TEST((cgroups_named("one", parent_name()) == std::vector<std::filesystem::path>{cgroup}));
  BOOST_TEST(std::filesystem::remove(files));
  BOOST_TEST(runtime.leftovers() == "");
  std::filesystem::remove(cgroup);
  std::filesystem::remove(cgroup.parent_path());
}

// Whoever is root only in the pod's user namespace enters it all the same: it is told where by us.
BOOST_AUTO_TEST_CASE(with_a_user_namespace) {
  LinuxFixture runtime;
  const auto started = runtime.port().start(share(spec_of("one", [](auto& config) {
    config.mutable_linux()->set_cgroup_parent(parent_name());
    auto& userns = *config.mutable_linux()
                        ->mutable_security_context()
                        ->mutable_namespace_options()
                        ->mutable_userns_options();
    userns.set_mode(::runtime::v1::POD);
    for (auto* mapping : {userns.add_uids(), userns.add_gids()}) {
      mapping->set_host_id(200'000);
      mapping->set_length(65536);
    }
  })));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  const auto made = cgroups_named("one", parent_name());
  BOOST_TEST(made.size() == host::find_cgroup_mounts().paths.size());
  for (const auto& cgroup : made) {
    BOOST_TEST(text_of(cgroup / "cgroup.procs") == std::to_string(started->pid) + "\n");
  }
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(cgroups_named(parent_name()).empty());
  BOOST_TEST(runtime.leftovers() == "");
}

// Its descriptors are closed again: the process keeps only the standard ones.
BOOST_AUTO_TEST_CASE(no_descriptor_is_left) {
  LinuxFixture runtime;
  const auto pid = std::to_string(runtime.port().start(in_cgroup("one", parent_name())).value().pid);
  BOOST_TEST(eventually(
      [&] { return std::distance(std::filesystem::directory_iterator("/proc/" + pid + "/fd"), {}) == 3; }));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
}

// Whatever fails after it was made takes it away again.
BOOST_AUTO_TEST_CASE(removed_by_a_later_failure) {
  LinuxFixture runtime;
  for (const auto step : {linux_runtime::pause_cgroups, linux_runtime::pause_seccomp}) {
    const auto failed = runtime.port().start(share(spec_of("one", [&](auto& config) {
      config.mutable_linux()->set_cgroup_parent(parent_name());
      config.set_hostname("fail-" + std::to_string(step));
    })));
    BOOST_REQUIRE(!failed);
    const bool names = failed.error().message.find("config.linux.cgroup_parent") != std::string::npos;
    BOOST_TEST(names == (step == linux_runtime::pause_cgroups), failed.error().message);
    BOOST_TEST(cgroups_named(parent_name()).empty());
    BOOST_TEST(runtime.leftovers() == "");
  }
}

// Its figures are those of the pod: of the parent that was given.
BOOST_AUTO_TEST_CASE(metrics) {
  LinuxFixture runtime;
  BOOST_REQUIRE(runtime.port().start(runtime.plain("none")));
  BOOST_TEST((runtime.port().metrics("none").error().kind == ErrorKind::failed_precondition));
  BOOST_REQUIRE(runtime.port().start(in_cgroup("one", parent_name())));
  const auto metrics = runtime.port().metrics("one");
  BOOST_REQUIRE_MESSAGE(metrics, metrics.error().message);
  if (host::find_cgroup_mounts().unified) {
    BOOST_TEST(metrics->type_url == "io.containerd.cgroups.v2.Metrics");
    BOOST_TEST(io::containerd::cgroups::v2::Metrics().ParseFromString(metrics->value));
  } else {
    BOOST_TEST(metrics->type_url == "io.containerd.cgroups.v1.Metrics");
    io::containerd::cgroups::v1::Metrics parsed;
    BOOST_TEST(parsed.ParseFromString(metrics->value));
    if (parsed.has_pids()) BOOST_TEST(parsed.pids().current() == 1U);
    if (parsed.has_memory()) BOOST_TEST(parsed.memory().usage().limit() > 0U);
  }
  for (const char* id : {"none", "one"}) BOOST_TEST(runtime.port().cleanup(id).has_value());
  BOOST_TEST(cgroups_named(parent_name()).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
