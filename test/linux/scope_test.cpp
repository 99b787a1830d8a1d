#include "services/linux/scope.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "test/linux/fake_systemd.hpp"
#include "test/linux/private_bus.hpp"

namespace podsandbox::test {

using namespace linux_runtime;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;
using Units = std::map<std::string, std::string>;
using Conduct = FakeSystemd::Conduct;

const std::string unit = "cri-containerd-box.scope";
constexpr auto plenty = 60s;

// A bus with a systemd on it, and calls as the runtime makes them.
struct Host {
  PrivateBus bus;
  FakeSystemd systemd{bus.address()};

  Result<Done> start(Clock::duration patience = plenty) const {
    return start_scope({bus.address()}, scope(), Clock::now() + patience);
  }
  Result<Done> stop(Clock::duration patience = plenty) const {
    return stop_scope({bus.address()}, unit, Clock::now() + patience);
  }
  static Scope scope() { return {unit, "pod sandbox box", "kubepods-pod1.slice", 4711, true}; }
};

// It names what was tried, and why it came to nothing.
void expect(const Result<Done>& result, ErrorKind kind, const std::string& what, const std::string& why) {
  BOOST_TEST_REQUIRE(!result.has_value());
  BOOST_TEST_CONTEXT(result.error().message) {
    BOOST_TEST((result.error().kind == kind));
    BOOST_TEST(result.error().message.starts_with(what + " " + unit));
    BOOST_TEST(result.error().message.find(why) != std::string::npos);
  }
}

void succeed(const Result<Done>& result) {
  BOOST_TEST(result.has_value(), (result ? "" : result.error().message));
}

// Runs `work`, which must not need longer than its patience, of `plenty`, allows.
template <class Work>
Result<Done> at_once(Work work) {
  const auto begun = Clock::now();
  auto result = work();
  BOOST_TEST((Clock::now() - begun < plenty / 2));
  return result;
}

// Runs `work`, with so much patience, which must end when that has.
template <class Work>
Result<Done> in_vain(Work work) {
  constexpr auto patience = 200ms;
  const auto begun = Clock::now();
  auto result = at_once([&] { return work(patience); });
  BOOST_TEST((Clock::now() - begun >= patience));
  return result;
}

// A socket on which connections wait for ever.
class DeafSocket {
 public:
  explicit DeafSocket(const std::filesystem::path& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    BOOST_REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(listen(fd_.get(), 8) == 0);
  }

 private:
  host::UniqueFd fd_;
};

// Tells `job`'s client that it has ended, as anybody might who is on the bus.
bool forge_end(const std::string& address, const FakeSystemd::Job& job) {
  sd_bus* bus = nullptr;
  sd_bus_message* signal = nullptr;
  bool sent = sd_bus_new(&bus) >= 0 && sd_bus_set_address(bus, address.c_str()) >= 0 &&
              sd_bus_set_bus_client(bus, 1) >= 0 && sd_bus_start(bus) >= 0;
  sent = sent &&
         sd_bus_message_new_signal(bus, &signal, "/org/freedesktop/systemd1",
                                   "org.freedesktop.systemd1.Manager", "JobRemoved") >= 0 &&
         sd_bus_message_append(signal, "uoss", 1U, job.path.c_str(), job.call.unit.c_str(), "done") >= 0 &&
         sd_bus_message_set_destination(signal, job.client.c_str()) >= 0 &&
         sd_bus_send(bus, signal, nullptr) >= 0;
  sd_bus_message_unref(signal);
  sd_bus_flush_close_unref(bus);
  return sent;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scopes)

// Exactly this is asked of systemd.
BOOST_AUTO_TEST_CASE(started) {
  const Host host;
  succeed(host.start());
  BOOST_TEST((host.systemd.units() == Units{{unit, "active"}}));
  const auto calls = host.systemd.calls();
  BOOST_TEST_REQUIRE(calls.size() == 1U);
  BOOST_TEST(calls[0].member == "StartTransientUnit");
  BOOST_TEST(calls[0].unit == unit);
  BOOST_TEST(calls[0].mode == "replace");
  const std::map<std::string, std::string> expected{{"CPUWeight", "t 1"},
                                                    {"CollectMode", "s inactive-or-failed"},
                                                    {"DefaultDependencies", "b false"},
                                                    {"Delegate", "b true"},
                                                    {"Description", "s pod sandbox box"},
                                                    {"PIDs", "au 4711"},
                                                    {"Slice", "s kubepods-pod1.slice"}};
  BOOST_TEST((calls[0].properties == expected));
}

// The least share of the CPU has another name on cgroup v1.
BOOST_AUTO_TEST_CASE(started_on_v1) {
  const Host host;
  Scope scope = Host::scope();
  scope.unified = false;
  succeed(start_scope({host.bus.address()}, scope, Clock::now() + plenty));
  const auto properties = host.systemd.calls().at(0).properties;
  BOOST_TEST(properties.at("CPUShares") == "t 2");
  BOOST_TEST(!properties.contains("CPUWeight"));
}

BOOST_AUTO_TEST_CASE(stopped) {
  Host host;
  host.systemd.have(unit, "active");
  host.systemd.have("other.scope", "active");
  succeed(host.stop());
  BOOST_TEST((host.systemd.units() == Units{{"other.scope", "active"}}));
  const auto calls = host.systemd.calls();
  BOOST_TEST(calls.at(0).member == "StopUnit");
  BOOST_TEST(calls.at(0).unit == unit);
  BOOST_TEST(calls.at(0).mode == "replace");
}

// One that is not there is stopped; it may have ended by itself.
BOOST_AUTO_TEST_CASE(stopped_already) {
  const Host host;
  succeed(host.stop());
  BOOST_TEST(host.systemd.members() == "StopUnit");
}

// One that remains as a failed one is forgotten.
BOOST_AUTO_TEST_CASE(failed_when_stopped) {
  Host host;
  host.systemd.have(unit, "active");
  host.systemd.behave({.fails_when_stopped = true});
  succeed(host.stop());
  BOOST_TEST(host.systemd.units().empty());
  BOOST_TEST(host.systemd.members() == "StopUnit GetUnit ResetFailedUnit");
}

// The name is taken by a unit that lives: it is somebody's.
BOOST_AUTO_TEST_CASE(exists_alive) {
  for (const char* state : {"active", "activating", "deactivating"}) {
    Host host;
    host.systemd.have(unit, state);
    expect(host.start(), ErrorKind::already_exists, "starting scope", "is there");
    BOOST_TEST((host.systemd.units() == Units{{unit, state}}));
    BOOST_TEST(host.systemd.members() == "StartTransientUnit GetUnit");
  }
}

// The name is taken by what is left of a dead one.
BOOST_AUTO_TEST_CASE(exists_failed) {
  Host host;
  host.systemd.have(unit, "failed");
  succeed(host.start());
  BOOST_TEST((host.systemd.units() == Units{{unit, "active"}}));
  BOOST_TEST(host.systemd.members() == "StartTransientUnit GetUnit ResetFailedUnit StartTransientUnit");
}

// It is tried once again, not more often.
BOOST_AUTO_TEST_CASE(exists_obstinately) {
  Host host;
  host.systemd.have(unit, "inactive");
  expect(host.start(), ErrorKind::already_exists, "starting scope", "is there");
  BOOST_TEST(host.systemd.members() == "StartTransientUnit GetUnit StartTransientUnit");
}

// A job may have ended before its number is known.
BOOST_AUTO_TEST_CASE(ended_early) {
  Host host;
  host.systemd.behave({.early = true});
  succeed(at_once([&] { return host.start(); }));
  succeed(at_once([&] { return host.stop(); }));
}

BOOST_AUTO_TEST_CASE(job_failed) {
  Host host;
  host.systemd.behave({.result = "failed"});
  expect(host.start(), ErrorKind::internal, "starting scope", "\"failed\"");
  host.systemd.have(unit, "active");
  expect(host.stop(), ErrorKind::internal, "stopping scope", "\"failed\"");
  for (const char* passing : {"timeout", "canceled"}) {
    host.systemd.behave({.result = passing});
    expect(host.stop(), ErrorKind::unavailable, "stopping scope", passing);
  }
}

// What systemd, or the bus, says against it.
BOOST_AUTO_TEST_CASE(refused) {
  Host host;
  const std::vector<std::pair<std::string, ErrorKind>> refusals{
      {"org.freedesktop.DBus.Error.AccessDenied", ErrorKind::permission_denied},
      {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", ErrorKind::permission_denied},
      {"org.freedesktop.DBus.Error.LimitsExceeded", ErrorKind::resource_exhausted},
      {"org.freedesktop.DBus.Error.NoReply", ErrorKind::unavailable},
      {"org.freedesktop.DBus.Error.UnixProcessIdUnknown", ErrorKind::internal},
      {"org.freedesktop.systemd1.SomethingNew", ErrorKind::internal}};
  for (const auto& [name, kind] : refusals) {
    host.systemd.behave({.refuse = name});
    expect(host.start(), kind, "starting scope", "No.");
    expect(host.stop(), kind, "stopping scope", "No.");
  }
}

BOOST_AUTO_TEST_CASE(no_answer) {
  Host host;
  host.systemd.behave({.silent = true});
  expect(in_vain([&](auto patience) { return host.start(patience); }), ErrorKind::unavailable,
         "starting scope", "timed out");
  expect(in_vain([&](auto patience) { return host.stop(patience); }), ErrorKind::unavailable,
         "stopping scope", "timed out");
}

BOOST_AUTO_TEST_CASE(no_end_of_the_job) {
  Host host;
  host.systemd.behave({.result = ""});
  expect(in_vain([&](auto patience) { return host.start(patience); }), ErrorKind::unavailable,
         "starting scope", "timed out");
  host.systemd.have(unit, "active");
  expect(in_vain([&](auto patience) { return host.stop(patience); }), ErrorKind::unavailable,
         "stopping scope", "timed out");
}

// Only systemd can say that its jobs have ended.
BOOST_AUTO_TEST_CASE(forged_end) {
  Host host;
  Conduct conduct{.result = ""};
  std::atomic<bool> forged{false};
  conduct.meanwhile = [&](const FakeSystemd::Job& job) { forged = forge_end(host.bus.address(), job); };
  host.systemd.behave(conduct);
  expect(in_vain([&](auto patience) { return host.start(patience); }), ErrorKind::unavailable,
         "starting scope", "timed out");
  BOOST_TEST(forged.load());
}

// Nobody waits for what can no longer come.
BOOST_AUTO_TEST_CASE(systemd_goes_away) {
  Host host;
  host.systemd.behave({.leave = true});
  expect(at_once([&] { return host.start(); }), ErrorKind::unavailable, "starting scope", "left the bus");
  expect(at_once([&] { return host.start(); }), ErrorKind::failed_precondition, "starting scope",
         "a .slice needs systemd");
}

BOOST_AUTO_TEST_CASE(bus_goes_away) {
  for (const bool starts : {true, false}) {
    Host host;
    host.systemd.have(unit, "active");
    host.systemd.behave({.meanwhile = [&](const FakeSystemd::Job&) { host.bus.kill(); }});
    if (starts) host.systemd.have(unit, "failed");
    expect(at_once([&] { return starts ? host.start() : host.stop(); }), ErrorKind::unavailable,
           starts ? "starting scope" : "stopping scope", "");
  }
}

BOOST_AUTO_TEST_CASE(no_systemd) {
  const PrivateBus bus;
  const auto deadline = Clock::now() + plenty;
  expect(at_once([&] { return start_scope({bus.address()}, Host::scope(), deadline); }),
         ErrorKind::failed_precondition, "starting scope", "a .slice needs systemd");
  expect(at_once([&] { return stop_scope({bus.address()}, unit, deadline); }), ErrorKind::failed_precondition,
         "stopping scope", "a .slice needs systemd");
}

BOOST_AUTO_TEST_CASE(no_bus) {
  for (const char* address : {"unix:path=/nonexistent/socket", "nonsense", "unix:path=/dev/null"}) {
    expect(at_once([&] { return start_scope({address}, Host::scope(), Clock::now() + plenty); }),
           ErrorKind::failed_precondition, "starting scope", address);
  }
}

// A bus that takes connections and says nothing.
BOOST_AUTO_TEST_CASE(deaf_bus) {
  const auto path = std::filesystem::temp_directory_path() / ("podsandbox-deaf-" + std::to_string(getpid()));
  {
    const DeafSocket socket(path);
    const std::string address = "unix:path=" + path.string();
    expect(in_vain([&](auto patience) { return stop_scope({address}, unit, Clock::now() + patience); }),
           ErrorKind::unavailable, "stopping scope", "timed out");
  }
  std::filesystem::remove(path);
}

// Time that has run out before anything began.
BOOST_AUTO_TEST_CASE(no_time) {
  const Host host;
  expect(at_once([&] { return host.start(-1s); }), ErrorKind::unavailable, "starting scope", "timed out");
  BOOST_TEST(host.systemd.calls().empty());
}

// Many at a time, each on a connection and a thread of its own.
BOOST_AUTO_TEST_CASE(concurrently) {
  const Host host;
  std::vector<std::thread> threads;
  std::vector<Result<Done>> results(16);
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      Scope scope = Host::scope();
      scope.unit = "cri-containerd-" + std::to_string(i) + ".scope";
      results[i] = start_scope({host.bus.address()}, scope, Clock::now() + plenty);
      if (i % 2 == 0) results[i] = stop_scope({host.bus.address()}, scope.unit, Clock::now() + plenty);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) succeed(result);
  BOOST_TEST(host.systemd.units().size() == results.size() / 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
