#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "services/host/unique_fd.hpp"
#include "test/integration/daemon_process.hpp"
#include "test/integration/waits.hpp"

/// Ends of the daemon. containerd retries a Wait that ends with UNAVAILABLE, and takes any other code for
/// the death of the pod.
namespace podsandbox::test {

BOOST_AUTO_TEST_SUITE(drain)

/// Calls that are waiting, calls that are just arriving, calls that come too late: all of them UNAVAILABLE.
BOOST_AUTO_TEST_CASE(sigterm_ends_waits_with_unavailable) {
  for (int round = 0; round < 5; ++round) {
    DaemonProcess daemon;
    const auto stub = daemon.controller();
    const auto pid = run(*stub, "pod-a");
    Waits waits(daemon.channel());
    for (int i = 0; i < 500; ++i) {
      if (i == 100 * round) daemon.signal(SIGTERM);
      waits.open("pod-a");
    }
    BOOST_REQUIRE(waits.settled(500));
    const int status = daemon.wait();
    BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    BOOST_TEST(::kill(static_cast<pid_t>(pid), 0) == 0);  // its sandboxes run on
    BOOST_TEST(!std::filesystem::exists(daemon.socket()));
    end_left_behind(pid);
    for (const auto& call : waits.calls()) {
      BOOST_REQUIRE_MESSAGE(call.status.error_code() == grpc::StatusCode::UNAVAILABLE,
                            call.status.error_code() << " " << call.status.error_message());
    }
  }
}

/// Whoever is to read the log may hang, or have gone mad: that is no reason not to end.
BOOST_AUTO_TEST_CASE(sigterm_ends_a_daemon_whose_log_nobody_reads) {
  int ends[2];
  BOOST_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const host::UniqueFd reader(ends[0]);
  const host::UniqueFd writer(ends[1]);
  DaemonProcess daemon({.log_fd = writer.get()});
  const auto stub = daemon.controller();
  fcntl(writer.get(), F_SETFL, O_NONBLOCK);
  while (write(writer.get(), "x", 1) == 1) {
  }
  fcntl(writer.get(), F_SETFL, 0);  // it is the same as the daemon's
  run(*stub, "pod-a");
  BOOST_TEST(shutdown(*stub, "pod-a").ok());
  daemon.signal(SIGTERM);
  const auto has_ended = [&] {
    siginfo_t how{};
    return waitid(P_PID, static_cast<id_t>(daemon.pid()), &how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           how.si_pid != 0;
  };
  BOOST_REQUIRE(eventually(has_ended));
  const int status = daemon.wait();
  BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

/// A watcher ends like everybody, and does not hold up the end.
BOOST_AUTO_TEST_CASE(sigterm_ends_watchers) {
  DaemonProcess daemon;
  const auto sandboxes = daemon.sandboxes();
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_sequence(1);
  const auto stream = sandboxes->Watch(&context, request);
  daemon.signal(SIGTERM);
  const int status = daemon.wait();
  BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  v1::Event event;
  while (stream->Read(&event)) {
  }
  BOOST_TEST((stream->Finish().error_code() == grpc::StatusCode::UNAVAILABLE));
}

/// Killed outright it can say nothing; the kernel closes its connections, which gRPC calls UNAVAILABLE too.
BOOST_AUTO_TEST_CASE(sigkill_ends_waits_with_unavailable) {
  DaemonProcess daemon;
  const auto stub = daemon.controller();
  const auto pid = run(*stub, "pod-a");
  Waits waits(daemon.channel());
  const auto& waiting = waits.open("pod-a");
  BOOST_REQUIRE(state(*stub, "pod-a") == "SANDBOX_READY");
  daemon.signal(SIGKILL);
  BOOST_REQUIRE(waits.settled(1));
  BOOST_TEST((waiting.status.error_code() == grpc::StatusCode::UNAVAILABLE));
  daemon.wait();
  end_left_behind(pid);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
