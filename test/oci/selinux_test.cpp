#include "services/oci/selinux.hpp"

#include <boost/test/unit_test.hpp>

#include "test/oci/pods.hpp"

namespace podsandbox::test {

namespace {

const std::string field = "config.linux.security_context.selinux_options";

struct Given {
  std::string user, role, type, level;
};

Pod labelled(const Given& given, bool enforcing = true, const std::function<void(Config&)>& more = {}) {
  Pod pod([&](Config& c) {
    auto& options = *security(c).mutable_selinux_options();
    options.set_user(given.user);
    options.set_role(given.role);
    options.set_type(given.type);
    options.set_level(given.level);
    if (more) more(c);
  });
  if (enforcing) pod.host.selinux.emplace();
  return pod;
}

// The pod's label, the process's, and that of the mounts, as the spec has them.
void expect(const Pod& pod, const std::string& pods, const std::string& process, const std::string& mount) {
  const auto made = pod.build();
  BOOST_TEST_REQUIRE(made.has_value());
  BOOST_TEST(made->selinux_label == pods);
  BOOST_TEST(made->mount_label == mount);
  BOOST_TEST(made->spec["process"].value("selinuxLabel", "") == process);
  BOOST_TEST(made->spec["linux"].value("mountLabel", "") == mount);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(selinux)

BOOST_AUTO_TEST_CASE(not_enforcing) {
  expect(Pod(), "", "", "");
  expect(labelled({"u", "r", "t", "s0:c1,c2"}, false), "", "", "");
  BOOST_TEST(!Pod().spec()["process"].contains("selinuxLabel"));
  BOOST_TEST(!Pod().spec()["linux"].contains("mountLabel"));
}

BOOST_AUTO_TEST_CASE(given) {
  const std::string usual = "system_u:system_r:container_t:s0:c1,c2";
  expect(labelled({"", "", "", "s0:c1,c2"}), usual, usual, "system_u:object_r:container_file_t:s0:c1,c2");
  expect(labelled({"u_u", "r_r", "t.t", "s1"}), "u_u:r_r:t.t:s1", "u_u:r_r:t.t:s1",
         "u_u:object_r:container_file_t:s1");
  Pod other = labelled({"", "", "", "s0"});
  other.host.selinux = oci::SelinuxPolicy{"a_u", "b_r", "c_t", "d_t", "e_r", "f_t"};
  expect(other, "a_u:b_r:c_t:s0", "a_u:b_r:c_t:s0", "a_u:e_r:f_t:s0");
}

// The pod's label stays what it is: it is what its containers get.
BOOST_AUTO_TEST_CASE(of_the_process_alone) {
  const std::string usual = "system_u:system_r:container_t:s0";
  const std::string files = "system_u:object_r:container_file_t:s0";
  Pod kata = labelled({"", "", "", "s0"});
  kata.sandbox.runtime_name = "io.containerd.kata-qemu.v2";
  expect(kata, usual, "system_u:system_r:container_kvm_t:s0", files);
  const auto privileged = [](Config& c) { security(c).set_privileged(true); };
  expect(labelled({"", "", "", "s0"}, true, privileged), usual, "", files);
}

// Levels are not chosen here, and two pods with the same one could reach each other's files.
BOOST_AUTO_TEST_CASE(no_level) {
  Pod pod;
  pod.host.selinux.emplace();
  BOOST_TEST(not_refused(pod, field + ".level") == "");
  BOOST_TEST(not_refused(labelled({"u", "r", "t", ""}), field + ".level") == "");
}

BOOST_AUTO_TEST_CASE(hostile) {
  for (const bool enforcing : {true, false}) {
    for (const std::string& bad : {std::string("a:b"), std::string("a\""), std::string("a,b"),
                                   std::string("a b"), std::string("a\n"), std::string("a\0", 2)}) {
      BOOST_TEST(not_refused(labelled({bad, "", "", "s0"}, enforcing), field + ".user") == "");
      BOOST_TEST(not_refused(labelled({"", bad, "", "s0"}, enforcing), field + ".role") == "");
      BOOST_TEST(not_refused(labelled({"", "", bad, "s0"}, enforcing), field + ".type") == "");
      BOOST_TEST(not_refused(labelled({"", "", "", bad}, enforcing), field + ".level") == "");
    }
  }
}

BOOST_AUTO_TEST_CASE(levels) {
  for (const char* good : {"", "s0", "s0-s1", "s0:c1", "s0:c1,c2", "s0-s0:c0.c1023", "s1:c1.c2,c3,c4.c5"}) {
    BOOST_TEST(not_refused(labelled({"", "", "", good}, false), field + ".level") == "it is not refused",
               good);
  }
  for (const std::string bad : {"s", "s10", "c1", "s0-", "s0-s", "s0:", "s0:c", "s0:c12345", "s0:c1.",
                                "s0:c1,", "s0 ", "s0:c1;c2", "s0:c1.c2.c3", "S0"}) {
    BOOST_TEST(not_refused(labelled({"", "", "", bad}, false), field + ".level") == "", bad);
  }
  BOOST_TEST(not_refused(labelled({"", "", "", std::string(100'000, 's')}), field + ".level") == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
