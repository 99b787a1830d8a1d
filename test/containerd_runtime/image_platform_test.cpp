#include "services/containerd/runtime/image_platform.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

/// Which images a host takes, and in which order.
namespace podsandbox::test {

using containerd_runtime::Platform;
using containerd_runtime::PlatformPreference;

namespace {

void check_order(const Platform& host, const std::vector<Platform>& best_first) {
  const PlatformPreference preference(host);
  for (std::size_t n = 0; n < best_first.size(); ++n) {
    const auto rank = preference.rank(best_first[n]);
    BOOST_TEST(rank.has_value(), to_string(host) << " takes " << to_string(best_first[n]));
    if (rank) BOOST_TEST(*rank == n, to_string(best_first[n]) << " has the rank " << *rank);
  }
}

void check_refused(const Platform& host, const std::vector<Platform>& images) {
  for (const auto& image : images) {
    BOOST_TEST(!PlatformPreference(host).rank(image), to_string(host) << " and " << to_string(image));
  }
}

Platform linux_on(const std::string& architecture, const std::string& variant = {}) {
  return {"linux", architecture, variant};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_platform)

BOOST_AUTO_TEST_CASE(preferences) {
  check_order(linux_on("amd64"), {linux_on("amd64"), linux_on("386")});
  check_order(linux_on("arm64", "v8"), {linux_on("arm64", "v8"), linux_on("arm", "v8"), linux_on("arm", "v7"),
                                        linux_on("arm", "v6"), linux_on("arm", "v5")});
  check_order(linux_on("arm", "v7"), {linux_on("arm", "v7"), linux_on("arm", "v6"), linux_on("arm", "v5")});
  check_order(linux_on("arm", "v5"), {linux_on("arm", "v5")});
  check_order(linux_on("riscv64"), {linux_on("riscv64")});
  check_order(linux_on("arm", "v9"), {linux_on("arm", "v9")});
}

BOOST_AUTO_TEST_CASE(what_a_host_cannot_run) {
  check_refused(linux_on("amd64"), {linux_on("arm64"),
                                    linux_on("amd64", "v3"),
                                    linux_on("386", "sse2"),
                                    {"windows", "amd64", ""},
                                    {"unknown", "unknown", ""},
                                    {}});
  check_refused(linux_on("arm", "v7"), {linux_on("arm", "v8"), linux_on("arm64", "v8"), linux_on("amd64")});
  check_refused(linux_on("arm", "v5"), {linux_on("arm", "v6")});
  check_refused(linux_on("386"), {linux_on("amd64")});
  check_refused(linux_on("arm64", "v8"), {linux_on("arm64", "v9")});
}

BOOST_AUTO_TEST_CASE(one_platform_has_many_names) {
  check_order({"Linux", "X86_64", ""}, {{"LINUX", "AMD64", "v1"}, linux_on("i386")});
  check_order(linux_on("aarch64"),
              {linux_on("arm64"), linux_on("arm", "8"), linux_on("arm"), linux_on("armel")});
  check_order(linux_on("arm64"), {linux_on("arm64", "8")});
  check_order(linux_on("armhf"), {linux_on("arm", "7")});
}

BOOST_AUTO_TEST_CASE(as_text) {
  BOOST_TEST(to_string(linux_on("amd64")) == "linux/amd64");
  BOOST_TEST(to_string(PlatformPreference(linux_on("arm64")).host()) == "linux/arm64/v8");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
