#include "services/oci/user.hpp"

#include <boost/test/unit_test.hpp>

#include "test/oci/pods.hpp"

namespace podsandbox::test {

using nlohmann::json;

namespace {

const std::string passwd =
    "\n"
    "root:x:0:0:root:/root:/bin/sh\n"
    "broken:x:abc:5\n"
    "short:x:7\n"
    "huge:x:2147483648:5::/:\n"
    "somebody:x:1000:2000::/:/bin/sh\n"
    "somebody:x:1001:2001::/:/bin/sh\n"
    "twin:x:1000:2002::/:/bin/sh\n"
    "nogroup:x:1003:abc::/:/bin/sh\n"
    "last:x:1004:2004";
const std::string group = "root:x:0:\nsomething:x:3000:somebody\nnothing:x:abc:\nlast:x:3001:";

Pod pod_of(const std::string& image_user, const std::function<void(Config&)>& change = {}) {
  Pod pod(change);
  pod.image.user = image_user;
  pod.files.accounts = {passwd, group};
  return pod;
}

// "uid:gid:groups"
std::string user_of(const Pod& pod) {
  const json user = pod.spec()["process"]["user"];
  const std::string groups = user.contains("additionalGids") ? user["additionalGids"].dump() : "none";
  return user["uid"].dump() + ":" + user["gid"].dump() + ":" + groups;
}

void set_user(Config& config, std::int64_t user, std::int64_t group_id = -1) {
  security(config).mutable_run_as_user()->set_value(user);
  if (group_id >= 0) security(config).mutable_run_as_group()->set_value(group_id);
}

bool reads(const Pod& pod) {
  return pod.choose().value().reads_accounts();
}

std::string refused(const std::string& image_user) {
  const auto made = pod_of(image_user).build();
  return made ? "" : made.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(user)

BOOST_AUTO_TEST_CASE(by_number) {
  BOOST_TEST(user_of(pod_of("65535:65535")) == "65535:65535:[65535]");
  BOOST_TEST(user_of(pod_of("0:2147483647")) == "0:2147483647:[2147483647]");
  BOOST_TEST(user_of(pod_of("", [](Config& c) { set_user(c, 5, 6); })) == "5:6:[6]");
  BOOST_TEST(!reads(pod_of("65535:65535")));
  BOOST_TEST(!reads(pod_of("name", [](Config& c) { set_user(c, 5, 6); })));
}

// A user's group is that of the first entry of its number; of one without an entry it is 0.
BOOST_AUTO_TEST_CASE(number_alone) {
  BOOST_TEST(user_of(pod_of("1000")) == "1000:2000:[2000]");
  BOOST_TEST(user_of(pod_of("01000")) == "1000:2000:[2000]");
  BOOST_TEST(user_of(pod_of("1003")) == "1003:0:[0]");
  BOOST_TEST(user_of(pod_of("1004")) == "1004:2004:[2004]");
  BOOST_TEST(user_of(pod_of("99")) == "99:0:[0]");
  BOOST_TEST(user_of(pod_of("7:8", [](Config& c) { set_user(c, 1000); })) == "1000:2000:[2000]");
  BOOST_TEST(user_of(pod_of("7:8", [](Config& c) { set_user(c, 0); })) == "0:0:[0]");
  BOOST_TEST(reads(pod_of("1000")));
  Pod without_files = pod_of("1000");
  without_files.files.accounts = {};
  BOOST_TEST(user_of(without_files) == "1000:0:[0]");
}

BOOST_AUTO_TEST_CASE(by_name) {
  BOOST_TEST(user_of(pod_of("somebody")) == "1000:2000:[2000]");
  BOOST_TEST(user_of(pod_of("twin")) == "1000:2002:[2002]");
  BOOST_TEST(user_of(pod_of("last:last")) == "1004:3001:[3001]");
  BOOST_TEST(user_of(pod_of("somebody:9")) == "1000:9:[9]");
  BOOST_TEST(user_of(pod_of("5:something")) == "5:3000:[3000]");
  BOOST_TEST(user_of(pod_of("somebody:something")) == "1000:3000:[3000]");
  for (const char* user : {"somebody", "somebody:9", "5:something"}) BOOST_TEST(reads(pod_of(user)), user);
  for (const char* user : {"nobody", "broken", "short", "huge", "some", ""}) {
    if (*user) BOOST_TEST(refused(user).find("/etc/passwd") != std::string::npos, user);
  }
  BOOST_TEST(refused("somebody:nothing").find("/etc/group") != std::string::npos);
  Pod without_files = pod_of("somebody");
  without_files.files.accounts = {};
  BOOST_TEST(!without_files.build());
}

BOOST_AUTO_TEST_CASE(nobody_in_particular) {
  BOOST_TEST(user_of(pod_of("")) == "0:0:none");
  BOOST_TEST(!reads(pod_of("")));
  BOOST_TEST(user_of(pod_of("", [](Config& c) { security(c).add_supplemental_groups(4); })) == "0:0:[4]");
}

// The built-in controller forgets them here.
BOOST_AUTO_TEST_CASE(supplemental_groups) {
  const auto add = [](Config& c) {
    for (const int id : {7, 5, 7, 2147483647}) security(c).add_supplemental_groups(id);
  };
  BOOST_TEST(user_of(pod_of("65535:65535", add)) == "65535:65535:[65535,5,7,2147483647]");
  BOOST_TEST(user_of(pod_of("65535:7", add)) == "65535:7:[5,7,2147483647]");
}

BOOST_AUTO_TEST_CASE(in_a_user_namespace) {
  const auto mapped = [](Config& c) { map_users(c, 100000, 1001); };
  BOOST_TEST(user_of(pod_of("1000:1000", mapped)) == "1000:1000:[1000]");
  BOOST_TEST(not_refused(pod_of("1001:0", mapped),
                         "config.linux.security_context.namespace_options.userns_options") == "");
  // Its group is known only when the image's files are.
  const Pod later = pod_of("somebody", mapped);
  BOOST_TEST(later.choose().has_value());
  BOOST_TEST(not_refused(later, "config.linux.security_context.namespace_options.userns_options") == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
