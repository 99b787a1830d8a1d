#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "services/host/cgroup.hpp"
#include "services/host/owner_mark.hpp"
#include "services/host/slice.hpp"
#include "test/conformance/linux_fixture.hpp"
#include "test/linux/fake_systemd.hpp"
#include "test/linux/private_bus.hpp"

namespace podsandbox::test {

namespace {

using Units = std::map<std::string, std::string>;
using Conduct = FakeSystemd::Conduct;

// A slice that no other test run uses.
std::string slice_name() {
  return "podsandboxtest" + std::to_string(getpid()) + "-pod1.slice";
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

SpecPtr in_slice(const std::string& id) {
  return share(spec_of(
      id, [](auto& config) { config.mutable_linux()->set_cgroup_parent("/anything/" + slice_name()); }));
}

// A runtime on a host with a systemd that makes real cgroups.
class Host {
 public:
  Host()
      : runtime_([this](linux_runtime::Settings& settings) {
          settings.systemd_bus = bus_.address();
          settings.deadline = std::chrono::seconds(2);
        }) {
    behave({});
  }

  LinuxFixture& runtime() { return runtime_; }
  PortUser& port() { return runtime_.port(); }
  FakeSystemd& systemd() { return *systemd_; }
  void end_systemd() { systemd_.reset(); }

  void behave(Conduct conduct) {
    conduct.meanwhile = [this,
                         does = !conduct.silent && conduct.result == "done"](const FakeSystemd::Job& job) {
      if (does) move(job.call);
    };
    systemd_->behave(std::move(conduct));
  }

 private:
  void move(const FakeSystemd::Call& call) {
    const auto mounts = host::find_cgroup_mounts();
    static std::string path;  // of the one that there is
    if (call.member == "StopUnit") {
      // The scope bears the runtime's mark by now, its slices do not.
      for (const std::string& owner : {runtime_.home().settings().owner(), std::string("systemd")}) {
        BOOST_TEST(host::remove_cgroup(mounts, path, owner).has_value());
      }
      return;
    }
    path = host::slice_path(call.properties.at("Slice").substr(2)).value() + "/" + call.unit;
    BOOST_TEST(host::make_cgroup(mounts, path, "systemd").has_value());
    for (const auto& mount : mounts.paths) {
      std::ofstream(mount.string() + path + "/cgroup.procs") << call.properties.at("PIDs").substr(3);
    }
  }

  PrivateBus bus_;
  std::unique_ptr<FakeSystemd> systemd_ = std::make_unique<FakeSystemd>(bus_.address());
  LinuxFixture runtime_;
};

const std::string unit = host::scope_unit("one");

void expect(const Result<Started>& started, ErrorKind kind) {
  BOOST_TEST_REQUIRE(!started.has_value());
  BOOST_TEST_CONTEXT(started.error().message) {
    BOOST_TEST((started.error().kind == kind));
    BOOST_TEST(started.error().message.find("config.linux.cgroup_parent: starting scope " + unit) !=
               std::string::npos);
    BOOST_TEST(started.error().message.find("and then") == std::string::npos);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linux_scopes, *boost::unit_test::precondition([](auto) {
                        return !host::find_cgroup_mounts().paths.empty();
                      }))

// In a slice the process is in a scope of systemd's, which is gone when the sandbox is.
BOOST_AUTO_TEST_CASE(made_and_removed) {
  Host host;
  const auto started = host.port().start(in_slice("one"));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  BOOST_TEST((host.systemd().units() == Units{{unit, "active"}}));
  BOOST_TEST(host.systemd().calls().at(0).properties.at("PIDs") == "au " + std::to_string(started->pid));
  const auto made = cgroups_named(unit, slice_name());
  BOOST_TEST(made.size() == host::find_cgroup_mounts().paths.size());
  for (const auto& cgroup : made) {
    BOOST_TEST(text_of(cgroup / "cgroup.procs") == std::to_string(started->pid) + "\n");
    BOOST_TEST(host::read_mark(cgroup).value_or("none") == host.runtime().home().settings().owner());
  }
  const auto spec = nlohmann::json::parse(started->spec.value);
  BOOST_TEST(spec["linux"]["cgroupsPath"] == slice_name() + ":cri-containerd:one");
  BOOST_TEST(host.port().metrics("one").has_value());
  BOOST_TEST(host.port().cleanup("one").has_value());
  BOOST_TEST(host.systemd().units().empty());
  BOOST_TEST(cgroups_named(unit, slice_name()).empty());
  BOOST_TEST(host.runtime().leftovers() == "");
}

// Another life of the daemon knows that it was a scope.
BOOST_AUTO_TEST_CASE(restarted) {
  Host host;
  BOOST_REQUIRE(host.port().start(in_slice("one")));
  host.runtime().restart();
  BOOST_TEST(host.port().metrics("one").has_value());
  BOOST_TEST(host.port().cleanup("one").has_value());
  BOOST_TEST(host.systemd().units().empty());
  BOOST_TEST(cgroups_named(unit, slice_name()).empty());
  BOOST_TEST(host.runtime().leftovers() == "");
}

// One that systemd does not remove keeps the sandbox, until it does.
BOOST_AUTO_TEST_CASE(removed_later) {
  Host host;
  BOOST_REQUIRE(host.port().start(in_slice("one")));
  host.behave({.silent = true});
  const auto vain = host.port().cleanup("one");
  BOOST_TEST_REQUIRE(!vain.has_value());
  BOOST_TEST((vain.error().kind == ErrorKind::unavailable));
  BOOST_TEST(host.runtime().leftovers() != "");
  host.behave({});
  BOOST_TEST(host.port().cleanup("one").has_value());
  BOOST_TEST(host.systemd().units().empty());
  BOOST_TEST(host.runtime().leftovers() == "");
}

// A start that systemd refuses leaves nothing.
BOOST_AUTO_TEST_CASE(refused) {
  Host host;
  host.behave({.result = "failed"});
  expect(host.port().start(in_slice("one")), ErrorKind::internal);
  BOOST_TEST(host.runtime().leftovers() == "");
  BOOST_TEST(host.systemd().units().empty());
}

// Nor does one whose scope's name is taken; and that scope stays.
BOOST_AUTO_TEST_CASE(taken) {
  Host host;
  host.systemd().have(unit, "active");
  expect(host.port().start(in_slice("one")), ErrorKind::already_exists);
  BOOST_TEST(host.runtime().leftovers() == "");
  BOOST_TEST((host.systemd().units() == Units{{unit, "active"}}));
}

// Nor does one where there is no systemd.
BOOST_AUTO_TEST_CASE(no_systemd) {
  Host host;
  host.end_systemd();
  expect(host.port().start(in_slice("one")), ErrorKind::failed_precondition);
  BOOST_TEST(host.runtime().leftovers() == "");
  BOOST_TEST(host.port().cleanup("one").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
