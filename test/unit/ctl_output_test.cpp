#include <boost/test/unit_test.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "services/ctl/exit_status.hpp"
#include "services/ctl/json_output.hpp"
#include "services/ctl/table.hpp"
#include "services/ctl/text_output.hpp"

using namespace podsandbox;
using namespace podsandbox::ctl;
using nlohmann::json;

namespace wire = containerd::services::sandbox::v1;

namespace {

constexpr std::int64_t noon = 1'767'268'800;  // 2026-01-01T12:00:00Z

google::protobuf::Timestamp at(std::int64_t seconds, std::int32_t nanos = 0) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  time.set_nanos(nanos);
  return time;
}

std::chrono::system_clock::time_point now() {
  return std::chrono::system_clock::time_point(std::chrono::seconds(noon));
}

v1::Sandbox ready_sandbox() {
  v1::Sandbox sandbox;
  sandbox.set_id("pod-a");
  sandbox.mutable_pod()->set_name("web");
  sandbox.mutable_pod()->set_namespace_("prod");
  sandbox.set_phase(v1::Sandbox::READY);
  sandbox.set_pid(4711);
  *sandbox.mutable_created_at() = at(noon - 61);
  return sandbox;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ctl_output)

BOOST_AUTO_TEST_CASE(columns_are_aligned_and_control_characters_harmless) {
  Table table({"A", "LONGER", "C"});
  table.add({"wide cell", "x", "\x1b[31mred\n"});
  std::ostringstream out;
  table.print(out);
  BOOST_TEST(out.str() ==
             "A          LONGER  C\n"
             "wide cell  x       ?[31mred?\n");
}

BOOST_AUTO_TEST_CASE(ages_and_times) {
  BOOST_TEST(age_text(at(noon), now()) == "0s");
  BOOST_TEST(age_text(at(noon - 59), now()) == "59s");
  BOOST_TEST(age_text(at(noon - 60), now()) == "1m");
  BOOST_TEST(age_text(at(noon - 2 * 3600 - 1), now()) == "2h");
  BOOST_TEST(age_text(at(noon - 4 * 86400), now()) == "4d");
  BOOST_TEST(age_text(at(noon + 10), now()) == "0s");  // clocks are set back
  BOOST_TEST(time_text(at(noon, 7'999'999)) == "2026-01-01T12:00:00.007Z");
}

BOOST_AUTO_TEST_CASE(the_list_for_people) {
  v1::ListResponse list;
  *list.add_sandboxes() = ready_sandbox();
  v1::Sandbox* dead = list.add_sandboxes();
  dead->set_id("pod-b");
  dead->set_phase(v1::Sandbox::NOTREADY);
  dead->set_exit_status(0);
  dead->add_retries()->set_kind("clean up the process");
  list.add_sandboxes()->set_id("pod-c");
  std::ostringstream out;
  print_sandboxes(out, list, now());
  BOOST_TEST(out.str() ==
             "ID     POD       PHASE     PID   AGE  EXIT  RETRIES\n"
             "pod-a  prod/web  READY     4711  1m   -     0\n"
             "pod-b  -         NOTREADY  -     -    0     1\n"
             "pod-c  -         UNKNOWN   -     -    -     0\n");
}

BOOST_AUTO_TEST_CASE(status_for_people) {
  wire::ControllerStatusResponse status;
  status.set_sandbox_id("pod-a");
  status.set_state("SANDBOX_NOTREADY");
  *status.mutable_created_at() = at(noon);
  *status.mutable_exited_at() = at(noon + 1);
  (*status.mutable_info())["info"] = R"({"pid":0})";
  std::ostringstream out;
  print_status(out, status);
  BOOST_TEST(out.str() ==
             "ID:       pod-a\n"
             "State:    SANDBOX_NOTREADY\n"
             "PID:      -\n"
             "Created:  2026-01-01T12:00:00.000Z\n"
             "Exited:   2026-01-01T12:00:01.000Z\n"
             "{\n  \"info\": {\n    \"pid\": 0\n  }\n}\n");
}

BOOST_AUTO_TEST_CASE(events_for_people) {
  v1::Event event;
  event.set_sequence(12);
  *event.mutable_at() = at(noon);
  event.set_kind(v1::Event::EXITED);
  event.set_sandbox_id("pod-a");
  event.set_phase(v1::Sandbox::NOTREADY);
  event.set_exit_status(137);
  std::ostringstream out;
  print_event_header(out);
  print_event(out, event);
  BOOST_TEST(out.str() ==
             "TIME                      SEQ     EVENT            PHASE     PID      EXIT  ID  DETAIL\n"
             "2026-01-01T12:00:00.000Z  12      EXITED           NOTREADY  -        137   pod-a\n");
}

BOOST_AUTO_TEST_CASE(json_has_the_fields_own_names_on_one_line) {
  v1::Sandbox sandbox = ready_sandbox();
  json value = json::parse(to_json(sandbox));
  BOOST_TEST(to_json(sandbox).find('\n') == std::string::npos);
  BOOST_TEST(value.at("phase") == "READY");
  BOOST_TEST(value.at("created_at") == "2026-01-01T11:58:59Z");
  BOOST_TEST(value.at("pod").at("attempt") == 0);
  BOOST_TEST(value.at("retries").empty());
  BOOST_TEST(!value.contains("exit_status"));  // unknown is not 0
  sandbox.set_exit_status(0);
  BOOST_TEST(json::parse(to_json(sandbox)).at("exit_status") == 0);
}

BOOST_AUTO_TEST_CASE(json_of_a_start_holds_the_spec) {
  wire::ControllerStartResponse response;
  response.set_sandbox_id("pod-a");
  BOOST_TEST(!json::parse(to_json(response)).contains("spec"));
  response.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Spec");
  response.mutable_spec()->set_value(R"({"hostname":"web"})");
  BOOST_TEST(json::parse(to_json(response)).at("spec").at("hostname") == "web");
  response.mutable_spec()->set_value("\xff not JSON");
  BOOST_TEST(json::parse(to_json(response)).at("spec").is_string());
}

BOOST_AUTO_TEST_CASE(json_of_a_status_holds_its_info) {
  wire::ControllerStatusResponse response;
  response.mutable_extra()->set_type_url("nobody.knows.Me");
  (*response.mutable_info())["info"] = R"({"pid":3})";
  (*response.mutable_info())["note"] = "plain text";
  const json value = json::parse(to_json(response));
  BOOST_TEST(value.at("info").at("info").at("pid") == 3);
  BOOST_TEST(value.at("info").at("note") == "plain text");
  BOOST_TEST(!value.contains("extra"));
}

BOOST_AUTO_TEST_CASE(exit_statuses_for_scripts) {
  BOOST_TEST((exit_status_of(grpc::StatusCode::OK) == ExitStatus::ok));
  BOOST_TEST((exit_status_of(grpc::StatusCode::INVALID_ARGUMENT) == ExitStatus::failed));
  BOOST_TEST((exit_status_of(grpc::StatusCode::NOT_FOUND) == ExitStatus::not_found));
  BOOST_TEST((exit_status_of(grpc::StatusCode::ALREADY_EXISTS) == ExitStatus::already_exists));
  BOOST_TEST((exit_status_of(grpc::StatusCode::UNAVAILABLE) == ExitStatus::unavailable));
  BOOST_TEST((exit_status_of(grpc::StatusCode::DEADLINE_EXCEEDED) == ExitStatus::timed_out));
  BOOST_TEST(name_of(grpc::StatusCode::UNAUTHENTICATED) == "UNAUTHENTICATED");
  BOOST_TEST(name_of(grpc::StatusCode::FAILED_PRECONDITION) == "FAILED_PRECONDITION");
  BOOST_TEST(name_of(static_cast<grpc::StatusCode>(99)) == "UNKNOWN");
}

BOOST_AUTO_TEST_SUITE_END()
