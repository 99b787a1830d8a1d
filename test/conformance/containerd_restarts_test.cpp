#include <sys/mount.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "services/host/process_record.hpp"
#include "services/host/shim.hpp"
#include "test/conformance/containerd_fixture.hpp"
#include "test/linux/eventually.hpp"

namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(containerd_restarts)

// What ran runs on, and is known with all that was told of it.
BOOST_AUTO_TEST_CASE(what_runs_runs_on) {
  ContainerdFixture runtime;
  const auto spec = runtime.plain("one");
  const auto started = runtime.port().start(spec);
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  runtime.restart();
  BOOST_TEST((runtime.port().list().value() ==
              std::vector{runtime::Process{"one", started->pid, started->start_time, {}}}));
  BOOST_TEST((runtime.port().start(spec) == started));
  BOOST_TEST(same_request(**runtime.port().recall("one"), *spec));
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 137U);
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// An exit is told by the next daemon too, until it is cleaned up; its time by whomever then knows it.
BOOST_AUTO_TEST_CASE(exits_are_told_again) {
  ContainerdFixture runtime;
  BOOST_REQUIRE(runtime.port().start(runtime.exiting("one", 7)));
  const auto exit = runtime.port().exit_of("one");
  BOOST_REQUIRE(exit);
  runtime.restart();
  const auto again = runtime.port().exit_of("one");
  BOOST_REQUIRE(again);
  BOOST_TEST(again->status == exit->status);
  BOOST_TEST((std::chrono::abs(again->at - exit->at) < std::chrono::seconds(10)));
  BOOST_TEST(runtime.port().cleanup("one", runtime::Extent::task).has_value());
  runtime.restart();
  BOOST_TEST(runtime.port().list().value().empty());
  BOOST_TEST((runtime.port().holdings()->remains == std::vector<std::string>{"one"}));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// What our own records have lost is taken over from containerd, once it says what there is.
void is_taken_over_after(void (*harm)(const containerd_runtime::Settings&)) {
  ContainerdFixture runtime;
  const auto spec = runtime.plain("one");
  const auto started = runtime.port().start(spec);
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  runtime.restart([&] { harm(runtime.settings()); });
  BOOST_TEST((runtime.port().list().value() ==
              std::vector{runtime::Process{"one", started->pid, started->start_time, {}}}));
  BOOST_TEST(same_request(**runtime.port().recall("one"), *spec));
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").value().status == 137U);
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

BOOST_AUTO_TEST_CASE(all_records_are_lost) {
  is_taken_over_after(
      [](const containerd_runtime::Settings& settings) { std::filesystem::remove_all(settings.data_dir); });
}

BOOST_AUTO_TEST_CASE(one_record_is_damaged) {
  is_taken_over_after([](const containerd_runtime::Settings& settings) {
    std::ofstream(settings.records_dir() / "one") << "{";
  });
}

// A containerd that gives a task up removes its bundle, without which the shim cannot remove the container.
BOOST_AUTO_TEST_CASE(a_shim_without_its_bundle_is_ended) {
  ContainerdFixture runtime;
  const auto started = runtime.port().start(runtime.plain("one"));
  BOOST_REQUIRE_MESSAGE(started, started.error().message);
  const auto& address = runtime.settings().containerd_address;
  const auto directory = std::filesystem::path(address).parent_path();
  BOOST_TEST(runtime.port().kill("one", SIGKILL).has_value());
  BOOST_TEST(runtime.port().exit_of("one").has_value());
  const std::string runc = "runc --root " + (directory / "runc/k8s.io").string() + " delete --force one";
  BOOST_TEST(std::system(runc.c_str()) == 0);
  const auto bundle = directory / "state/io.containerd.runtime.v2.task/k8s.io/one";
  umount((bundle / "rootfs").c_str());
  BOOST_TEST(std::filesystem::remove_all(bundle) > 0);
  const auto sockets = host::shim_sockets(address, "one");
  BOOST_TEST(host::shim_listens(sockets));
  const auto ended = host::end_lost_shim(sockets, "one", std::chrono::seconds(10));
  BOOST_TEST(ended.has_value(), (ended ? "" : ended.error().message));
  BOOST_TEST(!host::shim_listens(sockets));
  BOOST_TEST(runtime.port().cleanup("one").has_value());
  BOOST_TEST(runtime.leftovers() == "");
}

// Nobody was told of a start that was cut off, so nobody asks for its end; also when what it was asked is
// lost.
BOOST_AUTO_TEST_CASE(what_was_not_finished_is_undone) {
  ContainerdFixture runtime;
  for (const char* id : {"one", "two"}) BOOST_REQUIRE(runtime.port().start(runtime.plain(id)));
  runtime.restart([&] {
    const auto& directory = runtime.settings().records_dir();
    const host::RecordStore records(directory);
    for (auto& [id, record] : records.read_all()) {
      record.started = false;
      BOOST_REQUIRE(records.write(id, record));
    }
    BOOST_REQUIRE(std::filesystem::remove(directory / "two+spec"));
  });
  const auto nothing = [&] { return runtime.leftovers().empty(); };
  BOOST_TEST(eventually(nothing), runtime.leftovers());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
