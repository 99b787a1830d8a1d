#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "test/integration/daemon_process.hpp"
#include "test/integration/waits.hpp"

/// Lives of real sandboxes through gRPC, against the real daemon.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(life)

BOOST_AUTO_TEST_CASE(a_whole_life) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto pid = run(*stub, "pod-a");
  BOOST_TEST(::kill(static_cast<pid_t>(pid), 0) == 0);
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_READY");
  Waits waits(daemon.channel());
  const auto& waiting = waits.open("pod-a");
  BOOST_TEST(stop(*stub, "pod-a").ok());
  BOOST_REQUIRE(waits.settled(1));
  BOOST_TEST(waiting.status.ok());
  BOOST_TEST(waiting.response.exit_status() == 137U);
  BOOST_TEST(waiting.response.exited_at().seconds() > 1'600'000'000);
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_NOTREADY");
  BOOST_TEST(shutdown(*stub, "pod-a").ok());
  BOOST_TEST(shutdown(*stub, "pod-a").ok());
  BOOST_TEST(::kill(static_cast<pid_t>(pid), 0) == -1);
}

/// The process is killed behind everybody's back: waiters and Status know, before anybody asked to stop it.
BOOST_AUTO_TEST_CASE(sigkill_of_pause) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto pid = run(*stub, "pod-a");
  Waits waits(daemon.channel());
  const auto& waiting = waits.open("pod-a");
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  BOOST_REQUIRE(waits.settled(1));
  BOOST_TEST(waiting.response.exit_status() == 137U);
  BOOST_TEST(state(*stub, "pod-a") == "SANDBOX_NOTREADY");
}

BOOST_AUTO_TEST_CASE(a_graceful_stop_ends_with_zero) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  run(*stub, "pod-a");
  grpc::ClientContext context;
  controller::ControllerStopRequest request;
  request.set_sandbox_id("pod-a");
  request.set_timeout_secs(30);
  controller::ControllerStopResponse response;
  BOOST_TEST(stub->Stop(&context, request, &response).ok());
  Waits waits(daemon.channel());
  const auto& waiting = waits.open("pod-a");
  BOOST_REQUIRE(waits.settled(1));
  BOOST_TEST(waiting.response.exit_status() == 0U);
}

BOOST_AUTO_TEST_CASE(verbose_status_and_platform_and_metrics) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto pid = run(*stub, "pod-a");
  {
    grpc::ClientContext context;
    controller::ControllerStatusRequest request;
    request.set_sandbox_id("pod-a");
    request.set_verbose(true);
    controller::ControllerStatusResponse response;
    BOOST_REQUIRE(stub->Status(&context, request, &response).ok());
    const auto info = nlohmann::json::parse(response.info().at("info"));
    BOOST_TEST(info["pid"] == pid);
    BOOST_TEST(info["processStatus"] == "running");
    BOOST_TEST(info["config"]["hostname"] == "pod");
    BOOST_TEST(info["runtimeSpec"]["hostname"] == "pod");
  }
  {
    grpc::ClientContext context;
    controller::ControllerPlatformResponse response;
    BOOST_REQUIRE(stub->Platform(&context, {}, &response).ok());
    BOOST_TEST(response.platform().os() == "linux");
    BOOST_TEST(!response.platform().architecture().empty());
  }
  {
    grpc::ClientContext context;
    controller::ControllerMetricsRequest request;
    request.set_sandbox_id("pod-a");
    controller::ControllerMetricsResponse response;
    const auto status = stub->Metrics(&context, request, &response);
    BOOST_TEST((status.error_code() == grpc::StatusCode::FAILED_PRECONDITION), status.error_message());
  }
}

/// A Start that cannot succeed says why, and leaves nothing: not the id, not a process.
BOOST_AUTO_TEST_CASE(a_failed_start_leaves_nothing) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  auto request = create_request("pod-a");
  request.set_netns_path("/does/not/exist");
  {
    grpc::ClientContext context;
    controller::ControllerCreateResponse response;
    BOOST_REQUIRE(stub->Create(&context, request, &response).ok());
  }
  grpc::ClientContext context;
  controller::ControllerStartRequest start_request;
  start_request.set_sandbox_id("pod-a");
  controller::ControllerStartResponse response;
  const auto status = stub->Start(&context, start_request, &response);
  BOOST_TEST(!status.ok());
  BOOST_TEST(status.error_message().find("/does/not/exist") != std::string::npos, status.error_message());
  grpc::ClientContext list_context;
  v1::ListResponse rows;
  BOOST_REQUIRE(daemon.sandboxes()->List(&list_context, {}, &rows).ok());
  BOOST_TEST(rows.sandboxes_size() == 0);
}

/// A watcher sees the whole life, in order and without gaps.
BOOST_AUTO_TEST_CASE(watch) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto sandboxes = daemon.sandboxes();
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_sequence(1);
  const auto stream = sandboxes->Watch(&context, request);
  run(*stub, "pod-a");
  BOOST_REQUIRE(stop(*stub, "pod-a").ok());
  BOOST_REQUIRE(shutdown(*stub, "pod-a").ok());
  std::vector<v1::Event::Kind> kinds;
  v1::Event event;
  while (stream->Read(&event)) {
    kinds.push_back(event.kind());
    BOOST_TEST(event.sequence() == kinds.size());
    if (event.kind() == v1::Event::EXITED) BOOST_TEST(event.exit_status() == 137U);
    if (event.kind() == v1::Event::REMOVED) break;
  }
  BOOST_TEST((kinds == std::vector{v1::Event::CREATED, v1::Event::STARTED, v1::Event::EXITED,
                                   v1::Event::CLEANED, v1::Event::REMOVED}));
  context.TryCancel();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
