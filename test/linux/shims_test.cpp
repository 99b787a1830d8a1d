#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "services/host/file_text.hpp"
#include "services/host/oom_score.hpp"
#include "test/linux/eventually.hpp"
#include "test/linux/shim_pods.hpp"

/// Pods' shims: when they are started, and with what; and which pods have none.
namespace podsandbox::test {

namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  return host::read_file(file).value_or("");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shims, ShimPods)

BOOST_AUTO_TEST_CASE(started_when_somebody_connects) {
  const auto started = start(spec());
  BOOST_REQUIRE(started);
  BOOST_TEST(started->task_address == "ttrpc+unix://" + place().socket);
  BOOST_TEST(started->task_version == 3U);
  struct stat facts {};
  BOOST_TEST(stat(place().socket.c_str(), &facts) == 0);
  BOOST_TEST(facts.st_mode == (S_IFSOCK | 0600U));
  BOOST_TEST(starts().empty());

  auto first = connect();
  auto second = connect();
  const auto pid = first.answer();
  BOOST_TEST(pid.value_or("") != "");
  BOOST_TEST((second.answer() == pid));
  BOOST_TEST(ask() == std::atoi(pid->c_str()));
  BOOST_TEST(starts().size() == 1U);
  BOOST_TEST(eventually([&] { return log.count("shims pod its shim is started: process " + *pid) == 1U; }));
  remove();
  BOOST_TEST(log.count("shims pod its shim, process " + *pid + ", has ended") == 1U);
}

BOOST_AUTO_TEST_CASE(never_started_to_be_ended) {
  start();
  remove();
  BOOST_TEST(starts().empty());
  BOOST_TEST(!connect().connected());
}

BOOST_AUTO_TEST_CASE(what_it_is_started_with) {
  start();
  const int pid = ask();
  const fs::path proc = "/proc/" + std::to_string(pid);
  const std::string arguments = program().string() +
                                std::string("\0-namespace\0k8s.io\0-id\0pod\0-address\0", 36) +
                                settings.containerd_address + '\0';
  BOOST_TEST(text_of(proc / "cmdline") == arguments);
  BOOST_TEST(fs::read_symlink(proc / "cwd") == place().bundle);
  const std::string environment = '\0' + text_of(proc / "environ");
  for (const auto& variable : {"GOMAXPROCS=4", "MAX_SHIM_VERSION=2", "NAMESPACE=k8s.io"}) {
    BOOST_TEST(environment.find('\0' + std::string(variable) + '\0') != std::string::npos, variable);
  }
  BOOST_TEST(environment.find("TTRPC_ADDRESS=" + settings.containerd_address + ".ttrpc") !=
             std::string::npos);
  const int score = std::min(host::own_oom_score_adj() + 1, 1000);
  BOOST_TEST(eventually([&] { return std::atoi(text_of(proc / "oom_score_adj").c_str()) == score; }));
  BOOST_TEST(getpgid(pid) == pid);
  std::vector<std::string> descriptors;
  for (const auto& entry : fs::directory_iterator(proc / "fd")) {
    if (entry.path().filename() > "3") continue;  // a client, who may go
    descriptors.push_back(fs::read_symlink(entry.path()).string().substr(0, 7));
  }
  std::ranges::sort(descriptors);
  BOOST_TEST(descriptors.size() == 4U);
  BOOST_TEST(fs::read_symlink(proc / "fd/2") == place().log);
  BOOST_TEST(fs::read_symlink(proc / "fd/3").string().starts_with("socket:"));
  const std::string status = text_of(proc / "status");
  BOOST_TEST(status.find("SigBlk:\t0000000000000000") != std::string::npos);
  BOOST_TEST(status.find("SigIgn:\t0000000000000000") != std::string::npos);
  remove();
}

BOOST_AUTO_TEST_CASE(whatever_it_says_is_read) {
  start();
  const int pid = ask();
  constexpr unsigned many = 20'000;  // a FIFO holds 64 kB
  BOOST_TEST(ask("talk " + std::to_string(many)) == pid);
  BOOST_TEST(eventually([&] { return log.count("shim pod time=") == many; }));
  remove();
}

BOOST_AUTO_TEST_CASE(pods_that_no_shim_can_serve_are_refused) {
  const auto refuses = [&](const std::string& type, ErrorKind kind, const std::string& text) {
    auto wanted = spec();
    wanted.runtime_name = type;
    const auto refused = start(wanted);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().kind == kind));
    BOOST_TEST(refused.error().message.find(text) != std::string::npos, refused.error().message);
    BOOST_TEST(remains() == "");
    BOOST_TEST(home.leftovers() == "");
  };
  refuses("io.containerd.kata.v2", ErrorKind::unimplemented, "\"io.containerd.kata.v2\"");
  refuses("/usr/bin/containerd-shim-kata-v2", ErrorKind::unimplemented, "kata");
  refuses("/nonexistent/containerd-shim-runc-v2", ErrorKind::failed_precondition, "/nonexistent/");
}

// It may be beside a containerd that is not there just now.
BOOST_AUTO_TEST_CASE(one_that_cannot_be_found_yet_is_looked_for_later) {
  auto wanted = spec();
  wanted.runtime_name = "io.containerd.runc.v2";
  const std::string path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody else sets one
  setenv("PATH", "/nonexistent", 1);             // NOLINT(concurrency-mt-unsafe)
  BOOST_TEST(start(wanted).has_value());
  BOOST_TEST((connect().answer() == ""));
  BOOST_TEST(log.count("whose place is not known") == 1U);
  setenv("PATH", home.path().c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  BOOST_TEST(ask_until_answered() != 0);
  setenv("PATH", path.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  remove();
}

BOOST_AUTO_TEST_CASE(pods_of_nobody_have_none) {
  auto wanted = spec();
  wanted.sandboxer.clear();
  wanted.runtime_name = "io.containerd.kata.v2";
  const auto started = start(wanted);
  BOOST_REQUIRE(started);
  BOOST_TEST(started->task_address == "");
  BOOST_TEST(remains() == "");
  remove();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
