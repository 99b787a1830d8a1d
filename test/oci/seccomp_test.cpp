#include "services/oci/seccomp.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "services/oci/default_seccomp.hpp"
#include "services/oci/seccomp_file.hpp"
#include "test/oci/pods.hpp"

namespace podsandbox::test {

using nlohmann::json;
using Kind = oci::SeccompChoice::Kind;
using cri::SecurityProfile;

namespace {

oci::SeccompChoice chosen(const std::function<void(Config&)>& change, const std::string& unset = {}) {
  Pod pod(change);
  pod.settings.handler.unset_seccomp_profile = unset;
  return pod.choose().value().seccomp;
}

json filter_of(const Pod& pod) {
  return pod.spec()["linux"].value("seccomp", json(nullptr));
}

// Rules for one name, without the name.
json rules_of(const json& filter, const std::string& name) {
  json all = json::array();
  for (json rule : filter["syscalls"]) {
    const auto names = rule["names"].get<std::set<std::string>>();
    rule.erase("names");
    if (names.contains(name)) all.push_back(rule);
  }
  return all;
}

const json allow = json::parse(R"([{"action": "SCMP_ACT_ALLOW"}])");

}  // namespace

BOOST_AUTO_TEST_SUITE(seccomp)

BOOST_AUTO_TEST_CASE(choices) {
  const auto profile = [](int type, const char* file = "") {
    return [=](Config& c) { set_seccomp(c, type, file); };
  };
  const auto legacy = [](const char* name) { return [=](Config& c) { set_legacy_seccomp(c, name); }; };
  const oci::SeccompChoice none;
  const oci::SeccompChoice usual{Kind::runtime_default, ""};
  const oci::SeccompChoice file{Kind::file, "/a/b.json"};
  BOOST_TEST((chosen({}) == none));
  BOOST_TEST((chosen(profile(SecurityProfile::RuntimeDefault)) == usual));
  BOOST_TEST((chosen(profile(SecurityProfile::Unconfined), "runtime/default") == none));
  BOOST_TEST((chosen(profile(SecurityProfile::Localhost, "/a/b.json")) == file));
  BOOST_TEST((chosen(profile(SecurityProfile::Localhost, "localhost//a/b.json")) == file));
  BOOST_TEST((chosen(legacy("runtime/default")) == usual));
  BOOST_TEST((chosen(legacy("docker/default")) == usual));
  BOOST_TEST((chosen(legacy("unconfined"), "runtime/default") == none));
  BOOST_TEST((chosen(legacy("localhost//a/b.json")) == file));
  BOOST_TEST((chosen({}, "runtime/default") == usual));
  BOOST_TEST((chosen({}, "localhost//a/b.json") == file));
  BOOST_TEST((chosen({}, "unconfined") == none));
  // The newer field wins, and being privileged wins over all, even over nonsense.
  BOOST_TEST((chosen([](Config& c) {
                set_seccomp(c, SecurityProfile::Unconfined);
                set_legacy_seccomp(c, "nonsense");
              }) == none));
  BOOST_TEST((chosen(
                  [](Config& c) {
                    set_seccomp(c, SecurityProfile::Localhost);
                    security(c).set_privileged(true);
                  },
                  "nonsense") == none));
}

BOOST_AUTO_TEST_CASE(filters) {
  BOOST_TEST(filter_of(Pod()) == nullptr);
  BOOST_TEST(filter_of(Pod([](Config& c) { set_seccomp(c, SecurityProfile::RuntimeDefault); })) ==
             oci::default_seccomp("amd64"));
  Pod from_file([](Config& c) { set_seccomp(c, SecurityProfile::Localhost, "/a.json"); });
  from_file.files.seccomp = R"({"defaultAction": "SCMP_ACT_ALLOW", "comment": "x"})";
  BOOST_TEST(filter_of(from_file) == json::parse(R"({"defaultAction": "SCMP_ACT_ALLOW"})"));
  Pod unconfined([](Config& c) { set_seccomp(c, SecurityProfile::Unconfined); });
  unconfined.host.seccomp = false;
  BOOST_TEST(filter_of(unconfined) == nullptr);
}

BOOST_AUTO_TEST_CASE(default_filter) {
  const json filter = oci::default_seccomp("amd64");
  BOOST_TEST(filter.size() == 3U);
  BOOST_TEST(filter["defaultAction"] == "SCMP_ACT_ERRNO");
  BOOST_TEST(filter["architectures"] ==
             json::parse(R"(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])"));
  const auto names = filter["syscalls"][0]["names"].get<std::vector<std::string>>();
  BOOST_TEST(names.size() == 352U);
  BOOST_TEST((std::set<std::string>(names.begin(), names.end()).size() == names.size()));
  for (const char* name : {"accept", "futex_time64", "write", "writev", "process_vm_readv", "ptrace",
                           "chroot", "arch_prctl", "modify_ldt"}) {
    BOOST_TEST(rules_of(filter, name) == allow, name);
  }
  for (const char* name : {"bpf", "mount", "setns", "unshare", "reboot", "init_module", "keyctl",
                           "io_uring_setup", "userfaultfd", "perf_event_open", "breakpoint", ""}) {
    BOOST_TEST(rules_of(filter, name).empty(), name);
  }
}

BOOST_AUTO_TEST_CASE(default_conditions) {
  const json filter = oci::default_seccomp("amd64");
  BOOST_TEST(rules_of(filter, "socket") == json::parse(R"([
    {"action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_LT", "value": 38}]},
    {"action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 39}]},
    {"action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_GT", "value": 40}]}])"));
  const json personalities = rules_of(filter, "personality");
  BOOST_TEST(personalities.size() == 5U);
  BOOST_TEST(personalities[4] == json::parse(R"({"action": "SCMP_ACT_ALLOW",
    "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 4294967295}]})"));
  BOOST_TEST(rules_of(filter, "clone") == json::parse(R"([{"action": "SCMP_ACT_ALLOW",
    "args": [{"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": 2114060288}]}])"));
  BOOST_TEST(rules_of(filter, "clone3") == json::parse(R"([{"action": "SCMP_ACT_ERRNO", "errnoRet": 38}])"));
}

BOOST_AUTO_TEST_CASE(architectures) {
  const auto filter = [](const char* name) { return oci::default_seccomp(name); };
  BOOST_TEST(filter("arm64")["architectures"] == json::parse(R"(["SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64"])"));
  BOOST_TEST(filter("s390x")["architectures"] == json::parse(R"(["SCMP_ARCH_S390", "SCMP_ARCH_S390X"])"));
  BOOST_TEST(filter("riscv64")["architectures"] == json::parse(R"(["SCMP_ARCH_RISCV64"])"));
  BOOST_TEST(filter("loong64")["architectures"] == json::parse(R"(["SCMP_ARCH_LOONGARCH64"])"));
  for (const char* name : {"ppc64le", "mips", ""}) BOOST_TEST(!filter(name).contains("architectures"), name);
  BOOST_TEST(rules_of(filter("arm64"), "set_tls") == allow);
  BOOST_TEST(rules_of(filter("s390x"), "s390_runtime_instr") == allow);
  BOOST_TEST(rules_of(filter("riscv64"), "riscv_flush_icache") == allow);
  BOOST_TEST(rules_of(filter("ppc64le"), "swapcontext") == allow);
  BOOST_TEST(rules_of(filter("arm64"), "arch_prctl").empty());
  BOOST_TEST(rules_of(filter("s390x"), "clone")[0]["args"][0]["index"] == 1);
  BOOST_TEST(filter("mips")["syscalls"].size() + 1 == filter("amd64")["syscalls"].size());
}

BOOST_AUTO_TEST_CASE(profile_files) {
  const json whole = json::parse(R"({"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1,
    "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "listenerPath": "/run/x.sock", "listenerMetadata": "m",
    "syscalls": [{"names": ["a", "b"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7,
                  "args": [{"index": 1, "value": 18446744073709551615, "valueTwo": 3, "op": "SCMP_CMP_GE"}]}]})");
  BOOST_TEST(oci::read_seccomp(whole.dump()).value() == whole);
  json more = whole;
  more["comment"] = more["syscalls"][0]["includes"] = json::object();
  more["syscalls"][0]["args"][0]["comment"] = 5;
  BOOST_TEST(oci::read_seccomp(more.dump()).value() == whole);
  BOOST_TEST(oci::read_seccomp(R"({"defaultAction": "A", "syscalls": null, "flags": null})").value() ==
             json::parse(R"({"defaultAction": "A"})"));
  for (const std::string& bad : {std::string(), std::string("{"), std::string("[]"), std::string("null"),
                                 std::string(100'000, '['), std::string("{}"), std::string("\xff")}) {
    BOOST_TEST(!oci::read_seccomp(bad).has_value(), bad.substr(0, 20));
  }
}

// One member of a good profile replaced by a bad one; the text says where.
BOOST_AUTO_TEST_CASE(bad_profile_files) {
  const json good = json::parse(R"({"defaultAction": "A", "architectures": ["B"], "flags": [],
    "syscalls": [{"names": ["a"], "action": "A"}, {"names": ["a"], "action": "A", "errnoRet": 1,
    "args": [{"index": 1, "value": 2, "op": "C"}]}]})");
  BOOST_TEST(oci::read_seccomp(good.dump()).has_value());
  const std::vector<std::pair<std::string, json>> replacements{
      {"/defaultAction", 5},
      {"/defaultAction", ""},
      {"/defaultAction", nullptr},
      {"/defaultErrnoRet", -1},
      {"/defaultErrnoRet", 4294967296},
      {"/architectures", "B"},
      {"/architectures", json::array({5})},
      {"/flags", json::object()},
      {"/listenerPath", 5},
      {"/syscalls", json::object()},
      {"/syscalls/0", "a"},
      {"/syscalls/0", nullptr},
      {"/syscalls/1/names", "a"},
      {"/syscalls/1/names", json::array({""})},
      {"/syscalls/1/names", nullptr},
      {"/syscalls/1/action", nullptr},
      {"/syscalls/1/errnoRet", 1.5},
      {"/syscalls/1/args", 5},
      {"/syscalls/1/args/0", json::array()},
      {"/syscalls/1/args/0/index", -1},
      {"/syscalls/1/args/0/value", "2"},
      {"/syscalls/1/args/0/value", 1e30},
      {"/syscalls/1/args/0/valueTwo", true},
      {"/syscalls/1/args/0/op", nullptr},
  };
  for (const auto& [where, what] : replacements) {
    json bad = good;
    bad[json::json_pointer(where)] = what;
    const auto read = oci::read_seccomp(bad.dump());
    BOOST_TEST_CONTEXT(where << " is " << what) {
      BOOST_TEST_REQUIRE(!read.has_value());
      std::string name = where.substr(1);
      name = name.substr(0, name.find('/'));
      BOOST_TEST(read.error().starts_with(name), read.error());
    }
  }
  json deep = good;
  deep["syscalls"][1]["args"][0].erase("op");
  BOOST_TEST(oci::read_seccomp(deep.dump()).error() == "syscalls[1].args[0].op is missing");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
