#include <boost/test/unit_test.hpp>
#include <csignal>

#include "test/integration/daemon_process.hpp"

namespace podsandbox::test {

namespace {

struct FirstEvent {
  v1::Event event;
  grpc::Status status;
};

FirstEvent first_event(const DaemonProcess& daemon, std::uint64_t from) {
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_sequence(from);
  const auto stream = daemon.sandboxes()->Watch(&context, request);
  FirstEvent first;
  if (stream->Read(&first.event)) context.TryCancel();
  first.status = stream->Finish();
  return first;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pruned_events)

/// Who comes too late is told from where on he can have the rest, before and after a crash.
BOOST_AUTO_TEST_CASE(a_pruned_position) {
  DaemonProcess daemon({"events.keep = 10\n"});
  for (int i = 0; i < 5; ++i) {
    const auto id = "pod-" + std::to_string(i);
    run(*daemon.controller(), id);
    BOOST_TEST(shutdown(*daemon.controller(), id).ok());
  }
  std::uint64_t before = 0;
  for (int life = 0; life < 3; ++life) {
    const auto refused = first_event(daemon, 1);
    BOOST_REQUIRE((refused.status.error_code() == grpc::StatusCode::OUT_OF_RANGE));
    const auto text = refused.status.error_message();
    const auto oldest = std::stoull(text.substr(text.rfind(' ') + 1));
    BOOST_TEST(oldest > 1U);
    BOOST_TEST((before == 0 || before == oldest));
    BOOST_TEST(first_event(daemon, oldest).event.sequence() == oldest);
    BOOST_TEST((first_event(daemon, oldest - 1).status.error_code() == grpc::StatusCode::OUT_OF_RANGE));
    before = oldest;
    daemon.signal(SIGKILL);
    daemon.wait();
    daemon.start();
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace podsandbox::test
