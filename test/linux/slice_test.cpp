#include "services/host/slice.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace podsandbox::test {

using namespace host;

namespace {

std::string wrong_with(const std::string& cgroup_parent) {
  const auto path = host::slice_path(cgroup_parent);
  const auto unit = host::slice_unit(cgroup_parent);
  BOOST_TEST_REQUIRE(!path.has_value());
  BOOST_TEST_REQUIRE(!unit.has_value());
  BOOST_TEST(path.error() == unit.error());
  return path.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(slices)

// By the end of the last component alone, as containerd does it.
BOOST_AUTO_TEST_CASE(told_from_other_parents) {
  for (const char* slice : {"a.slice", "/a.slice", "a.slice/", "/x/a.slice//", "/x.slice/a.slice", "-.slice",
                            ".slice", "--.slice", "../a.slice"}) {
    BOOST_TEST(host::is_slice(slice), slice);
  }
  for (const char* other : {"", "/", "//", "a", "/a.slice/b", "a.slice/.", "a.slice/..", "a.slices", "slice",
                            "/slice", "a.Slice", "a.slice ", "a.scope"}) {
    BOOST_TEST(!host::is_slice(other), other);
    BOOST_TEST(wrong_with(other) == "it names no slice");
  }
}

// The name says where it is; what stands before it in the parent does not count.
BOOST_AUTO_TEST_CASE(path_by_name) {
  BOOST_TEST(host::slice_path("kubepods.slice").value() == "/kubepods.slice");
  const std::string pod = "kubepods-burstable-pod1234_5678.slice";
  const std::string path = "/kubepods.slice/kubepods-burstable.slice/" + pod;
  for (const std::string before :
       {"", "/", "/kubepods.slice/kubepods-burstable.slice/", "other.slice/", "../"}) {
    BOOST_TEST(host::slice_unit(before + pod).value() == pod);
    BOOST_TEST(host::slice_path(before + pod).value() == path);
    BOOST_TEST(host::slice_path(before + pod + "//").value() == path);
  }
  BOOST_TEST(host::slice_path("a-b-c-d.slice").value() == "/a.slice/a-b.slice/a-b-c.slice/a-b-c-d.slice");
  BOOST_TEST(host::slice_path("A9:x\\x2dy.z.slice").value() == "/A9:x\\x2dy.z.slice");
}

BOOST_AUTO_TEST_CASE(root) {
  BOOST_TEST(host::slice_unit("/-.slice").value() == "-.slice");
  BOOST_TEST(host::slice_path("/-.slice").value() == "/");
  BOOST_TEST(host::slice_path("-.slice").value() == "/");
}

// As systemd writes the names of directories that could be files of the cgroup file system.
BOOST_AUTO_TEST_CASE(reserved_names) {
  BOOST_TEST(host::slice_path("cpu.slice").value() == "/_cpu.slice");
  BOOST_TEST(host::slice_path("memory-pod1.slice").value() == "/_memory.slice/memory-pod1.slice");
  BOOST_TEST(host::slice_path("pids.max.slice").value() == "/pids.max.slice");
  BOOST_TEST(host::slice_path("bpf-foreign.slice").value() == "/bpf.slice/_bpf-foreign.slice");
  BOOST_TEST(host::slice_path("cgroup.slice").value() == "/_cgroup.slice");
  BOOST_TEST(host::slice_path("cgroup.procs.slice").value() == "/_cgroup.procs.slice");
  BOOST_TEST(host::slice_path("_a-b.slice").value() == "/__a.slice/__a-b.slice");
  BOOST_TEST(host::slice_path(".a.slice").value() == "/_.a.slice");
  BOOST_TEST(host::slice_path("cpus.slice").value() == "/cpus.slice");
}

BOOST_AUTO_TEST_CASE(malformed) {
  for (const char* bad :
       {".slice", "--.slice", "-a.slice", "a-.slice", "a--b.slice", "/x/a---b.slice", "/-a-.slice"}) {
    BOOST_TEST(wrong_with(bad).find("empty part") != std::string::npos, bad);
  }
  for (const char* bad :
       {"a b.slice", "a@.slice", "a@b.slice", "a\nb.slice", "a\xc3\xa4.slice", "a*.slice", "a\x7f.slice"}) {
    BOOST_TEST(wrong_with(bad).find("character") != std::string::npos, bad);
  }
  BOOST_TEST(wrong_with(std::string("a\0b.slice", 9)).find("NUL") != std::string::npos);
  BOOST_TEST(wrong_with(std::string("\0/b.slice", 9)).find("NUL") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(length) {
  const auto of_length = [](std::size_t length) { return std::string(length - 6, 'x') + ".slice"; };
  BOOST_TEST(host::slice_path("/parent/" + of_length(255)).value() == "/" + of_length(255));
  BOOST_TEST(wrong_with(of_length(256)).find("255") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(scopes) {
  BOOST_TEST(scope_unit("box-1") == "cri-containerd-box-1.scope");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
