#include "test/chaos/in_process_daemon.hpp"

#include <grpcpp/create_channel.h>

#include <caf/send.hpp>
#include <future>
#include <stdexcept>

#include "services/host/runtime_actor.hpp"
#include "services/linux/linux_runtime.hpp"

namespace podsandbox::test {

namespace {

constexpr auto programs = PODSANDBOX_BIN;

template <class T>
T unwrap(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

void kill_now(const caf::actor& actor) {
  if (!actor) return;
  caf::anon_send<caf::message_priority::high>(actor, caf::exit_msg{nullptr, caf::exit_reason::kill});
}

}  // namespace

InProcessDaemon::InProcessDaemon() {
  const std::filesystem::path bin = programs;
  linux_runtime::Settings settings;
  settings.state_dir = directory_.path() / "state";
  settings.data_dir = directory_.path() / "data";
  settings.keeper_program = bin / "podsandbox-keeper";
  settings.pause_program = bin / "podsandbox-pause";
  settings.cri.root_dir = directory_.path() / "cri-root";
  settings.cri.state_dir = directory_.path() / "cri-state";
  runtime_ = unwrap(linux_runtime::LinuxRuntime::open(settings));
  RootSeed seed;
  seed.runtimes = {{RuntimeKind::linux,
                    [this](caf::actor_system& system) { return host::spawn_runtime(system, runtime_); }}};
  seed.desk = &desk_;
  seed.give_up = [this](const std::string&) { gave_up_ = true; };
  seed.intensity = RestartIntensity(1'000'000, std::chrono::seconds(1));
  seed.settings.backoff.initial = std::chrono::milliseconds(50);
  root_ = spawn_root(system_, std::move(seed));
  auto listener = unwrap(api::Listener::bind({(directory_.path() / "d.sock").string(), 0600, {}}));
  server_ = unwrap(api::Server::start(desk_, std::move(listener), settings.cri));
}

InProcessDaemon::~InProcessDaemon() {
  server_->drain(std::chrono::seconds(5));
  caf::anon_send(root_, StopAll{});
  system_.await_all_actors_done();
}

std::shared_ptr<grpc::Channel> InProcessDaemon::channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("unix:" + (directory_.path() / "d.sock").string(),
                                   grpc::InsecureChannelCredentials(), arguments);
}

void InProcessDaemon::kill(caf::atom_value name) {
  kill_now(caf::actor_cast<caf::actor>(system_.registry().get<caf::strong_actor_ptr>(name)));
}

void InProcessDaemon::kill_sandbox(const std::string& id) {
  desk_.submit(GetSandbox{id}, [](const Result<SandboxListing>& listing) {
    if (listing) kill_now(caf::actor_cast<caf::actor>(listing->actor));
  });
}

std::vector<runtime::Process> InProcessDaemon::processes() const {
  std::promise<std::vector<runtime::Process>> answer;
  runtime_->list([&](Result<runtime::Holdings> holdings) {
    answer.set_value(holdings.value_or(runtime::Holdings{}).processes);
  });
  return answer.get_future().get();
}

}  // namespace podsandbox::test
