#include <signal.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "services/host/spawn.hpp"
#include "services/linux/shims/lost_containers.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/oci_box.hpp"

/// Containers of which something is left that is not all of one, or cannot be seen.
namespace podsandbox::test {

namespace fs = std::filesystem;
using namespace linux_runtime;
using namespace std::chrono_literals;

using Ids = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(half_containers)

// Else the pod would end with the shim that has them.
BOOST_AUTO_TEST_CASE(a_state_that_cannot_be_read_is_an_error) {
  const OciBox box("runc");
  BOOST_TEST(containers_of_pod(box.runtime(), "pod-a").value().empty());
  fs::create_directories(box.runtime().root);
  std::ofstream(box.runtime().root / "k8s.io") << "";
  const auto found = containers_of_pod(box.runtime(), "pod-a");
  BOOST_REQUIRE(!found);
  BOOST_TEST((found.error().kind == ErrorKind::unavailable));
  BOOST_TEST(found.error().message ==
             "reading " + (box.runtime().root / "k8s.io").string() + ": Not a directory");
}

// Its cgroup goes first: when the runtime has nothing of it any more nobody finds that.
BOOST_AUTO_TEST_CASE(one_whose_cgroup_stays_is_found_again) {
  const OciBox box("crun");
  fs::create_directories(box.state("half"));
  std::ofstream(box.state("half") / "config.json")
      << R"({"annotations": {"io.kubernetes.cri.sandbox-id": "pod-a"}})";
  const auto pid = host::spawn({"sleep", {"1000"}, host::environment_with({}), {}, {}});
  BOOST_REQUIRE(pid);
  box.make_cgroup("half", *pid);
  const auto frozen = box.freeze_below("half");
  auto runtime = box.runtime();
  runtime.cgroup_parent = box.cgroup();
  if (frozen) {  // else nothing keeps a process from being killed here
    BOOST_TEST(!remove_containers(runtime, {"half"}, 1s));
    BOOST_TEST(containers_of_pod(runtime, "pod-a").value() == Ids{"half"}, boost::test_tools::per_element());
    std::ofstream(*frozen) << "THAWED" << std::flush;
  }
  BOOST_TEST(waitpid(*pid, nullptr, frozen ? 0 : WNOHANG) == (frozen ? *pid : 0));
  const auto removed = remove_containers(runtime, {"half"}, 20s);
  BOOST_TEST(removed.has_value(), (removed ? "" : removed.error().message));
  BOOST_TEST(!fs::exists(box.state("half")));
  BOOST_TEST(box.cgroups("half").empty());
  if (!frozen) BOOST_TEST(waitpid(*pid, nullptr, 0) == *pid);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
