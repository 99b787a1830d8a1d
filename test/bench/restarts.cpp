#include "test/bench/restarts.hpp"

#include <fcntl.h>
#include <grpcpp/channel.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <stdexcept>

#include "services/host/unique_fd.hpp"
#include "services/journal/store.hpp"

namespace podsandbox::bench {

namespace {

namespace controller = test::controller;

constexpr auto patience = std::chrono::seconds(60);

void pause_100_us() {
  std::this_thread::sleep_for(std::chrono::microseconds(100));
}

/// Until somebody listens: a socket that a dead daemon has left refuses. gRPC itself would wait between
/// attempts for longer than what is to be measured.
void wait_until_accepted(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const auto deadline = Clock::now() + patience;
  while (Clock::now() < deadline) {
    const host::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
    pause_100_us();
  }
  throw std::runtime_error("nobody listens on " + path);
}

struct StatusCall {
  grpc::ClientContext context;
  controller::ControllerStatusRequest request;
  controller::ControllerStatusResponse response;
};

/// By a new client, once somebody answers. Returns its connection. One that is cut is made again: just before
/// the last daemon was killed it may have forked a keeper, which then has its socket for a moment.
std::shared_ptr<grpc::Channel> first_status(const test::DaemonProcess& daemon, const std::string& id) {
  const auto deadline = Clock::now() + patience;
  while (Clock::now() < deadline) {
    wait_until_accepted(daemon.socket());
    auto channel = daemon.channel();
    StatusCall call;
    call.context.set_deadline(std::chrono::system_clock::now() + patience);
    call.request.set_sandbox_id(id);
    const auto stub = controller::Controller::NewStub(channel);
    const auto status = stub->Status(&call.context, call.request, &call.response);
    if (status.ok()) return channel;
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE)
      throw std::runtime_error(status.error_message());
  }
  throw std::runtime_error("no answer to Status of " + id);
}

void ask_all(controller::Controller::Stub& stub, const std::vector<std::string>& ids) {
  std::deque<StatusCall> calls(ids.size());
  std::atomic<std::size_t> answered = 0;
  std::atomic<bool> failed = false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto& call = calls[i];
    call.context.set_deadline(std::chrono::system_clock::now() + patience);
    call.request.set_sandbox_id(ids[i]);
    stub.async()->Status(&call.context, &call.request, &call.response, [&](const grpc::Status& status) {
      if (!status.ok()) failed = true;
      if (++answered == ids.size()) answered.notify_one();
    });
  }
  for (auto n = answered.load(); n < ids.size(); n = answered.load()) answered.wait(n);
  if (failed) throw std::runtime_error("a Status was not answered");
}

bool all_known(v1::Sandboxes::Stub& stub, std::size_t count) {
  grpc::ClientContext context;
  v1::ListResponse rows;
  const auto status = stub.List(&context, {}, &rows);
  if (!status.ok()) throw std::runtime_error("List: " + status.error_message());
  for (const auto& row : rows.sandboxes()) {
    if (row.phase() == v1::Sandbox::PHASE_UNKNOWN) return false;
  }
  return static_cast<std::size_t>(rows.sandboxes_size()) == count;
}

}  // namespace

LogReader::LogReader() {
  if (pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  constexpr int room = 1 << 20;  // nobody reads between two starts
  fcntl(ends_[1], F_SETPIPE_SZ, room);
}

LogReader::~LogReader() {
  for (const int fd : ends_) close(fd);
}

Clock::time_point LogReader::next_line_with(const std::string& text) {
  for (;;) {
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      const bool found = rest_.substr(0, end).find(text) != std::string::npos;
      rest_.erase(0, end + 1);
      if (found) return Clock::now();
    }
    pollfd readable{ends_[0], POLLIN, 0};
    std::array<char, 4096> buffer{};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    if (poll(&readable, 1, static_cast<int>(limit)) != 1) throw std::runtime_error("no line with " + text);
    const auto size = read(ends_[0], buffer.data(), buffer.size());
    if (size > 0) rest_.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

Recovery recover(test::DaemonProcess& daemon, LogReader& log, const std::vector<std::string>& ids) {
  Recovery times{};
  const auto began = Clock::now();
  daemon.launch();
  {
    const std::jthread reader([&] { times.ready = log.next_line_with("serving on") - began; });
    const auto channel = first_status(daemon, ids.front());
    times.first_status = Clock::now() - began;
    const auto stub = controller::Controller::NewStub(channel);
    const auto sandboxes = v1::Sandboxes::NewStub(channel);
    while (!all_known(*sandboxes, ids.size())) test::look_again_soon();
    times.listed = Clock::now() - began;
    ask_all(*stub, ids);
    times.all_statuses = Clock::now() - began;
  }
  return times;
}

Nanoseconds outage(test::DaemonProcess& daemon, int signal, const std::string& id) {
  const auto began = Clock::now();
  daemon.signal(signal);
  daemon.wait();
  daemon.launch();
  first_status(daemon, id);
  return Clock::now() - began;
}

std::vector<std::string> fill_journal(const test::DaemonProcess& daemon, std::size_t count) {
  const auto opened = journal::Store::open(daemon.data_dir(), {});
  if (!opened) throw std::runtime_error(opened.error().message);
  if (opened->contents.sandboxes.empty()) throw std::runtime_error("nothing to copy in the journal");
  const auto original = opened->contents.sandboxes.begin()->second;
  std::vector<std::string> ids;
  journal::Write write;
  for (const auto& [id, sandbox] : opened->contents.sandboxes) ids.push_back(id);
  while (ids.size() < count) {
    auto copy = original;
    auto spec = std::make_shared<SandboxSpec>(*original.record.spec);
    spec->id = "copy-" + std::to_string(ids.size());
    ids.push_back(spec->id);
    copy.record.spec = std::move(spec);
    write.sandboxes.emplace(ids.back(), std::move(copy));
  }
  const auto done = opened->store->commit({&write, 1});
  if (!done) throw std::runtime_error(done.error().message);
  return ids;
}

}  // namespace podsandbox::bench
