#include "test/crash/client.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <utility>

#include "proto/cri.pb.h"
#include "services/host/unique_fd.hpp"

namespace podsandbox::test {

namespace {

using grpc::StatusCode;

bool one_of(const grpc::Status& status, std::initializer_list<StatusCode> codes) {
  return std::find(codes.begin(), codes.end(), status.error_code()) != codes.end();
}

std::string text(const grpc::Status& status) {
  return "code " + std::to_string(status.error_code()) + " " + status.error_message();
}

std::string text(const v1::Event& event) {
  return event.ShortDebugString();
}

/// Not a dead one that its parent has not buried yet.
bool runs(std::uint32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto name_end = stat.rfind(") ");
  return name_end != std::string::npos && stat[name_end + 2] != 'Z' && stat[name_end + 2] != 'X';
}

/// The one that stands in for a shim answers any word with its pid.
bool shim_answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const host::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  pollfd answered{fd.get(), POLLIN, 0};
  char digit = 0;
  return send(fd.get(), "pid", 3, MSG_NOSIGNAL) == 3 && poll(&answered, 1, 5000) == 1 &&
         recv(fd.get(), &digit, 1, 0) == 1;
}

controller::ControllerCreateRequest request_of(const Story& story, const Site& site) {
  auto request = create_request(site.id());
  ::runtime::v1::PodSandboxConfig config;
  config.ParseFromString(request.options().value());
  config.mutable_linux()->set_cgroup_parent(site.cgroup_parent());
  if (story.cannot_start) (*config.mutable_linux()->mutable_sysctls())["net.ipv4.no_such_sysctl"] = "1";
  request.mutable_options()->set_value(config.SerializeAsString());
  site.complete(request);
  if (story.has_shim) request.set_sandboxer("podsandboxd");
  return request;
}

}  // namespace

Client::Client(const Story& story, const Site& site) : story_(story), site_(site), id_(site.id()) {}

// -- one daemon after the other ----------------------------------------------

void Client::connect(const MortalDaemon& daemon) {
  ++daemons_;
  channel_ = daemon.channel();
  stub_ = controller::Controller::NewStub(channel_);
  waits_ = std::make_unique<Waits>(channel_);
  watch();
  hold_against_what_it_was_told();
  if (pid_ && !gone_) wait_for_exit();
}

void Client::go_on(std::size_t end, const std::function<void(std::size_t)>& before_step) {
  while (answered_ < std::min(end, story_.steps.size())) {
    before_step(answered_);
    begun_ = answered_ + 1;
    take(story_.steps[answered_]);
    ++answered_;
  }
}

void Client::end_connection() {
  if (!channel_) return;
  expect(waits_->settled(waits_->calls().size(), std::chrono::seconds(10)),
         "a Wait does not end with its daemon");
  for (const auto& call : waits_->calls()) check_wait(call, false);
  end_watch();
  waits_.reset();
  stub_.reset();
  channel_.reset();
}

// On a busy machine what was killed may run on for a moment, and is READY until it has ended.
void Client::process_was_killed() {
  if (pid_) dead_ = eventually([this] { return !runs(*pid_); });
}

void Client::see_the_end() {
  expect(waits_->settled(waits_->calls().size(), std::chrono::seconds(10)), "a Wait does not end");
  for (const auto& call : waits_->calls()) check_wait(call, true);
  const bool removed = eventually(
      [this] {
        const std::lock_guard lock(mutex_);
        return !events_.empty() && events_.back().kind() == v1::Event::REMOVED;
      },
      std::chrono::seconds(5));
  expect(removed, "a watcher does not see that it was removed");
  end_watch();
  check_events();
}

// -- what it was told --------------------------------------------------------

void Client::hold_against_what_it_was_told() {
  if (answered_ == 0 || undone_) return;  // not even created, or on its way to nothing
  const auto now = state();
  const std::string told = now.empty() ? "nothing" : now;
  if (gone_) return expect(now.empty(), "there is " + told + " of one that was said to be gone");
  if (!begun(Step::start)) {
    return expect(!now.empty() && now != "SANDBOX_READY", "there is " + told + " of one that was created");
  }
  if (!pid_) return;  // whether it runs the repeated Start will tell
  if (dead_) expect(now != "SANDBOX_READY", "it is READY and dead");
  if (begun(Step::shutdown)) return;
  expect(!now.empty(), "it is not known any more");
  if (dead_ || begun(Step::stop) || begun(Step::stop_gently)) return;
  expect(now == "SANDBOX_READY" && runs(*pid_), "it was started and is " + told);
  grpc::Status status;
  const auto pid = ask_start(status);
  expect(pid == pid_, "a second Start does not answer what the first did: " + text(status));
}

void Client::wait_for_exit() {
  wait_came_late_ = begun(Step::shutdown);
  waits_->open(id_);
}

void Client::check_wait(const Waits::Call& call, bool daemon_lives) {
  if (!call.done) return;
  const auto& status = call.status;
  if (!status.ok()) {
    const bool as_it_should = status.error_code() == StatusCode::NOT_FOUND
                                  ? wait_came_late_
                                  : status.error_code() == StatusCode::UNAVAILABLE && !daemon_lives;
    return expect(as_it_should, "a Wait ended with " + text(status));
  }
  using std::chrono::seconds;
  const auto& at = call.response.exited_at();
  const auto exited = std::chrono::system_clock::time_point(seconds(at.seconds()));
  expect(call.response.exit_status() == story_.exit_status,
         "a Wait ended with exit status " + std::to_string(call.response.exit_status()));
  expect(exited >= began_ - seconds(1) && exited <= std::chrono::system_clock::now() + seconds(1),
         "a Wait ended with an exit at another time");
  expect(dead_ || begun(Step::stop) || begun(Step::stop_gently) || begun(Step::shutdown),
         "a Wait told of an exit of what runs");
}

void Client::watch() {
  watching_ = std::make_unique<grpc::ClientContext>();
  v1::WatchRequest request;
  request.set_from_sequence(events_.size() + 1);
  watcher_ = std::thread([this, request, stub = std::shared_ptr(v1::Sandboxes::NewStub(channel_))] {
    const auto stream = stub->Watch(watching_.get(), request);
    for (v1::Event event; stream->Read(&event);) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    watch_ended_ = stream->Finish();
  });
}

void Client::end_watch() {
  watching_->TryCancel();
  if (watcher_.joinable()) watcher_.join();
  expect(one_of(watch_ended_, {StatusCode::UNAVAILABLE, StatusCode::CANCELLED}),
         "a Watch ended with " + text(watch_ended_));
}

std::vector<v1::Event> Client::all_events() {
  std::vector<v1::Event> all;
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_from_sequence(1);
  const auto stream = v1::Sandboxes::NewStub(channel_)->Watch(&context, request);
  for (v1::Event event; all.size() < events_.size() && stream->Read(&event);) all.push_back(event);
  context.TryCancel();
  return all;
}

void Client::check_events() {
  const auto all = all_events();
  expect(all.size() == events_.size(), "a Watch from 1 tells of fewer events than there were");
  std::map<v1::Event::Kind, const v1::Event*> by_kind;
  for (std::size_t i = 0; i < all.size(); ++i) {
    expect(all[i].sequence() == i + 1, "gap or repetition at event " + text(all[i]));
    expect(text(all[i]) == text(events_[i]), text(events_[i]) + " became " + text(all[i]));
    expect(by_kind.emplace(all[i].kind(), &all[i]).second, "twice: " + text(all[i]));
    expect(all[i].kind() != v1::Event::RETRY_SCHEDULED, text(all[i]));
  }
  const auto* started = by_kind[v1::Event::STARTED];
  const auto* exited = by_kind[v1::Event::EXITED];
  expect(!all.empty() && all.front().kind() == v1::Event::CREATED, "the first event is not CREATED");
  expect((started == nullptr) == (exited == nullptr), "STARTED without EXITED, or the other way round");
  if (pid_)
    expect(started != nullptr && started->pid() == *pid_, "it was started with another pid or not at all");
  if (exited != nullptr) expect(exited->exit_status() == story_.exit_status, "false exit: " + text(*exited));
}

// -- its steps ---------------------------------------------------------------

void Client::take(Step step) {
  switch (step) {
    case Step::create:
      return create();
    case Step::start:
      return start();
    case Step::see_ready:
      return see_ready();
    case Step::use_shim:
      return use_shim();
    case Step::kill_process:
      return kill_process();
    case Step::see_exit:
      return see_exit();
    case Step::stop:
      return stop(0);
    case Step::stop_gently:
      return stop(60);
    case Step::shutdown:
      return shut_down();
  }
}

void Client::create() {
  grpc::ClientContext context;
  if (story_.has_shim) context.AddMetadata("containerd-namespace", "k8s.io");
  controller::ControllerCreateResponse response;
  const auto status = stub_->Create(&context, request_of(story_, site_), &response);
  expect(alive(status).ok(), "Create: " + text(status));
}

std::optional<std::uint32_t> Client::ask_start(grpc::Status& status) {
  grpc::ClientContext context;
  controller::ControllerStartRequest request;
  request.set_sandbox_id(id_);
  controller::ControllerStartResponse response;
  status = alive(stub_->Start(&context, request, &response));
  if (!status.ok()) return std::nullopt;
  if (task_address_.empty()) task_address_ = response.address();
  expect(response.address() == task_address_, "Start has another address");
  return response.pid();
}

void Client::start() {
  const bool repeated = daemons_ > 1;
  grpc::Status status;
  pid_ = ask_start(status);
  if (story_.cannot_start) {
    const bool as_it_should =
        status.error_code() == site_.refusal() ||
        (repeated &&
         one_of(status, {StatusCode::NOT_FOUND, StatusCode::FAILED_PRECONDITION, StatusCode::ABORTED}));
    expect(as_it_should, "Start of what is impossible: " + text(status));
    gone_ = status.error_code() == site_.refusal();
    undone_ = !gone_;
  } else if (pid_) {
    wait_for_exit();
  } else {
    const bool exited = story_.dies_while_away && has_exited();
    undone_ = repeated && !exited &&
              one_of(status, {StatusCode::NOT_FOUND, StatusCode::FAILED_PRECONDITION, StatusCode::ABORTED});
    expect(undone_ || exited, "Start: " + text(status));
  }
}

bool Client::has_exited() {
  grpc::ClientContext context;
  v1::GetRequest request;
  request.set_id(id_);
  v1::Sandbox sandbox;
  const auto status = v1::Sandboxes::NewStub(channel_)->Get(&context, request, &sandbox);
  return alive(status).ok() && sandbox.phase() == v1::Sandbox::NOTREADY;
}

std::string Client::state() {
  grpc::ClientContext context;
  controller::ControllerStatusRequest request;
  request.set_sandbox_id(id_);
  controller::ControllerStatusResponse response;
  const auto status = stub_->Status(&context, request, &response);
  if (alive(status).ok()) {
    if (pid_ && response.state() == "SANDBOX_READY")
      expect(response.pid() == *pid_, "Status has another pid");
    return response.state();
  }
  expect(status.error_code() == StatusCode::NOT_FOUND, "Status: " + text(status));
  return {};
}

void Client::see_ready() {
  if (!pid_ || dead_) return;
  const auto now = state();
  expect(now == "SANDBOX_READY" && runs(*pid_), "it was started and is " + now);
}

// A daemon that dies may close the connection, and so may one that cannot start a shim just now.
void Client::use_shim() {
  if (!pid_) return;
  const bool used = eventually([this] {
    const bool answered = shim_answers(task_address_.substr(task_address_.find('/') + 2));
    if (!answered) state();  // throws when the daemon is dead
    return answered;
  });
  expect(used, "no shim is there at " + task_address_);
}

void Client::kill_process() {
  if (!pid_ || dead_) return;
  ::kill(static_cast<pid_t>(*pid_), SIGKILL);
  process_was_killed();
}

void Client::see_exit() {
  if (!dead_ || !pid_) return;
  expect(waits_->settled(1, std::chrono::seconds(10)), "the Wait of a dead one does not end");
  const auto& call = waits_->calls().front();
  if (call.done && call.status.error_code() == StatusCode::UNAVAILABLE) throw DaemonDied{text(call.status)};
  const auto now = state();
  expect(now == "SANDBOX_NOTREADY", "it has exited and is " + now);
}

void Client::stop(unsigned grace) {
  if (grace > 0 && pid_ && !dead_) eventually([this] { return !runs(*pid_) || site_.heeds_signals(*pid_); });
  grpc::ClientContext context;
  controller::ControllerStopRequest request;
  request.set_sandbox_id(id_);
  request.set_timeout_secs(grace);
  controller::ControllerStopResponse response;
  const auto status = stub_->Stop(&context, request, &response);
  const bool may_be_gone = undone_ && status.error_code() == StatusCode::NOT_FOUND;
  expect(alive(status).ok() || may_be_gone, "Stop: " + text(status));
  dead_ = true;
}

void Client::shut_down() {
  grpc::ClientContext context;
  controller::ControllerShutdownRequest request;
  request.set_sandbox_id(id_);
  controller::ControllerShutdownResponse response;
  const auto status = stub_->Shutdown(&context, request, &response);
  expect(alive(status).ok(), "Shutdown: " + text(status));
  gone_ = true;
  dead_ = true;
}

const grpc::Status& Client::alive(const grpc::Status& status) {
  if (status.error_code() == StatusCode::UNAVAILABLE) throw DaemonDied{text(status)};
  return status;
}

void Client::expect(bool good, const std::string& otherwise) {
  if (!good) faults_.push_back(otherwise);
}

bool Client::begun(Step step) const {
  const auto end = story_.steps.begin() + static_cast<std::ptrdiff_t>(begun_);
  return std::find(story_.steps.begin(), end, step) != end;
}

}  // namespace podsandbox::test
