#include "services/containerd/runtime/containerd_runtime.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

#include "messages/log.hpp"
#include "proto/cri.pb.h"
#include "services/containerd/runtime/context.hpp"
#include "services/containerd/runtime/exits.hpp"
#include "services/containerd/runtime/host_facts.hpp"
#include "services/containerd/runtime/recovery.hpp"
#include "services/containerd/runtime/removal.hpp"
#include "services/containerd/runtime/start.hpp"
#include "services/host/aside_flow.hpp"
#include "services/host/cgroup_metrics.hpp"
#include "services/host/platform.hpp"
#include "services/host/process_facts.hpp"
#include "services/host/system_error.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;

Result<Done> make_directories(const Settings& settings) {
  std::error_code error;
  std::filesystem::create_directories(settings.data_dir.parent_path(), error);
  for (const auto& directory : {settings.data_dir, settings.records_dir()}) {
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return failure(ErrorKind::internal,
                     host::because("making the containerd runtime's directory " + directory.string()));
    }
  }
  return Done{};
}

constexpr auto pull_patience = std::chrono::minutes(5);

Platform host_platform() {
  const auto& host = host::host_platform();
  return {host.os, host.architecture, host.variant};
}

tl::unexpected<Error> not_found(const std::string& id, const char* what) {
  return failure(ErrorKind::not_found, "sandbox " + id + " has no " + what);
}

}  // namespace

// Everything in it happens on the loop, apart from its construction and destruction.
class ContainerdRuntime::Core {
 public:
  Core(const Settings& settings, std::shared_ptr<containerd_client::Connection> containerd);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  host::Loop& loop() { return loop_; }

  void start(SpecPtr spec, Callback<Started> answer);
  void cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer);
  void list(const Callback<runtime::Holdings>& answer);
  void subscribe(Subscriber subscriber) { exits_.subscribe(std::move(subscriber)); }

  /// When it is the sandbox's turn; with null when there is none of this id.
  template <class T>
  void in_turn(const std::string& id, std::function<void(const SandboxPtr&, const Callback<T>&)> task,
               Callback<T> answer);
  void kill(const SandboxPtr& sandbox, int signal, const Callback<Done>& answer) const;
  void inspect(const SandboxPtr& sandbox, const Callback<runtime::Process>& answer) const;
  void recall(const SandboxPtr& sandbox, const Callback<SpecPtr>& answer) const;
  void metrics(const SandboxPtr& sandbox, const Callback<Payload>& answer);

 private:
  runtime::Holdings holdings() const;
  Flow<void> run_start(SandboxPtr sandbox, SpecPtr spec, Callback<Started> answer);
  Flow<void> run_cleanup(SandboxPtr sandbox, runtime::Extent extent, Callback<Done> answer);
  Flow<host::Semaphore::Permit> admit(host::Semaphore& operations);

  const Settings settings_;
  const std::shared_ptr<containerd_client::Connection> connection_;
  const std::string boot_id_ = host::boot_id();
  const oci::HostFacts host_ = host_facts();
  const host::CgroupMounts cgroups_ = host::find_cgroup_mounts();
  const host::RecordStore records_;
  host::Loop loop_;
  const Api api_;
  Sandboxes sandboxes_;
  host::Semaphore starts_;
  host::Semaphore removals_;
  host::Flows flows_;
  Images images_;
  Exits exits_;
  const Context context_;
  Recovery recovery_;
};

ContainerdRuntime::Core::Core(const Settings& settings,
                              std::shared_ptr<containerd_client::Connection> containerd)
    : settings_(settings),
      connection_(std::move(containerd)),
      records_(settings.records_dir()),
      api_(loop_, *connection_),
      sandboxes_(loop_),
      starts_(loop_, settings.max_operations),
      removals_(loop_, settings.max_operations),
      images_(loop_, *connection_, host_platform(), pull_patience),
      exits_(loop_, flows_, api_, *connection_, sandboxes_, settings.look_every),
      context_{loop_,
               flows_,
               api_,
               images_,
               records_,
               settings_,
               host_,
               boot_id_,
               [this](const SandboxPtr& sandbox, const Exit& exit) { exits_.ended(sandbox, exit); },
               [this](const SandboxPtr& sandbox) { exits_.watch(sandbox); }},
      recovery_(context_, sandboxes_) {
  loop_.post([this] { recovery_.begin(); });
}

// From here on nothing runs on the loop. What flows hold belongs to the others: it goes before they do.
ContainerdRuntime::Core::~Core() {
  loop_.stop();
  flows_.drop_all();
}

// One that takes long gives its place to the next.
Flow<host::Semaphore::Permit> ContainerdRuntime::Core::admit(host::Semaphore& operations) {
  auto waiting = operations.acquire();
  auto permit = co_await waiting;
  auto shared = std::make_shared<host::Semaphore::Permit>(std::move(permit));
  loop_.after(settings_.counts_for, [weak = std::weak_ptr(shared)] {
    if (const auto held = weak.lock()) held->reset();
  });
  co_return shared;
}

void ContainerdRuntime::Core::start(SpecPtr spec, Callback<Started> answer) {
  if (!is_identifier(spec->id)) {
    return answer(failure(ErrorKind::invalid_argument, "id: starting a sandbox: it is not an identifier"));
  }
  auto sandbox = sandboxes_.get(spec->id);
  flows_.start(run_start(std::move(sandbox), std::move(spec), std::move(answer)));
}

Flow<void> ContainerdRuntime::Core::run_start(SandboxPtr sandbox, SpecPtr spec, Callback<Started> answer) {
  const auto use = sandboxes_.use(sandbox);
  const auto cancellation = sandbox->starts.emplace_back(std::make_shared<Cancellation>());
  auto waiting = sandbox->turn.acquire();
  const auto turn = co_await waiting;
  auto admitting = admit(starts_);
  const auto permit = co_await admitting;
  auto starting = start_sandbox(context_, sandbox, std::move(spec), cancellation);
  auto started = co_await starting;
  sandbox->starts.remove(cancellation);
  answer(std::move(started));
}

void ContainerdRuntime::Core::cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer) {
  if (!is_identifier(id)) return answer(Done{});
  const auto sandbox = sandboxes_.find(id);
  if (!sandbox) return answer(Done{});
  for (const auto& start : std::list(sandbox->starts)) start->ask();
  flows_.start(run_cleanup(sandbox, extent, std::move(answer)));
}

Flow<void> ContainerdRuntime::Core::run_cleanup(SandboxPtr sandbox, runtime::Extent extent,
                                                Callback<Done> answer) {
  const auto use = sandboxes_.use(sandbox);
  auto waiting = sandbox->turn.acquire();
  const auto turn = co_await waiting;
  auto admitting = admit(removals_);
  const auto permit = co_await admitting;
  auto removing = remove_sandbox(context_, sandbox, extent);
  answer(co_await removing);
}

void ContainerdRuntime::Core::list(const Callback<runtime::Holdings>& answer) {
  recovery_.when_complete([this, answer](bool complete) {
    if (complete) return answer(holdings());
    answer(
        failure(ErrorKind::unavailable,
                "containerd has not said yet which sandboxes there are, and this daemon has no record of its "
                "own that says it"));
  });
}

runtime::Holdings ContainerdRuntime::Core::holdings() const {
  runtime::Holdings holdings;
  for (const auto& [id, sandbox] : sandboxes_.all()) {
    if (sandbox->has_process()) {
      // Of one that is dead it is being found out how it ended: whoever asks for it is told to wait.
      const bool runs = sandbox->process && !sandbox->process->has_ended();
      if (runs || sandbox->exit) {
        holdings.processes.push_back(sandbox->describe());
      } else {
        holdings.ended.push_back(id);
      }
    } else if (sandbox->record && sandbox->users == 0) {
      holdings.remains.push_back(id);
    }
  }
  return holdings;
}

template <class T>
void ContainerdRuntime::Core::in_turn(const std::string& id,
                                      std::function<void(const SandboxPtr&, const Callback<T>&)> task,
                                      Callback<T> answer) {
  const auto sandbox = sandboxes_.find(id);
  if (!sandbox) return task(nullptr, answer);
  constexpr auto run = [](std::shared_ptr<void> /*use*/, SandboxPtr whose, auto then,
                          Callback<T> whom) -> Flow<void> {
    auto waiting = whose->turn.acquire();
    const auto turn = co_await waiting;
    then(whose, whom);
  };
  flows_.start(run(sandboxes_.use(sandbox), sandbox, std::move(task), std::move(answer)));
}

void ContainerdRuntime::Core::kill(const SandboxPtr& sandbox, int signal,
                                   const Callback<Done>& answer) const {
  const bool runs = sandbox && sandbox->has_process() && !sandbox->exit && sandbox->process;
  const int error = runs ? sandbox->process->kill(signal) : ESRCH;
  if (error == 0) return answer(Done{});
  if (error == ESRCH) return answer(not_found(sandbox ? sandbox->id : "of this id", "process to kill"));
  answer(failure(error == EINVAL ? ErrorKind::invalid_argument : ErrorKind::internal,
                 host::because("sending signal " + std::to_string(signal), error)));
}

void ContainerdRuntime::Core::inspect(const SandboxPtr& sandbox,
                                      const Callback<runtime::Process>& answer) const {
  if (!sandbox || !sandbox->has_process()) return answer(not_found(sandbox ? sandbox->id : "", "process"));
  const bool runs = sandbox->process && !sandbox->process->has_ended();
  if (runs || sandbox->exit) return answer(sandbox->describe());
  answer(failure(ErrorKind::unavailable, "it has ended; how, containerd has not said yet"));
}

void ContainerdRuntime::Core::recall(const SandboxPtr& sandbox, const Callback<SpecPtr>& answer) const {
  if (!sandbox || !sandbox->record) return answer(not_found(sandbox ? sandbox->id : "", "start to recall"));
  answer(records_.read_spec(sandbox->id));
}

void ContainerdRuntime::Core::metrics(const SandboxPtr& sandbox, const Callback<Payload>& answer) {
  if (!sandbox || !sandbox->has_process()) {
    return answer(not_found(sandbox ? sandbox->id : "", "process to measure"));
  }
  if (sandbox->record->cgroup_parent.empty()) {
    return answer(failure(ErrorKind::failed_precondition,
                          "sandbox " + sandbox->id + " has no cgroup (config.linux.cgroup_parent is empty)"));
  }
  host::run_aside(
      loop_,
      [mounts = cgroups_, parent = sandbox->record->cgroup_parent] {
        return host::read_cgroup_metrics(mounts, parent);
      },
      [answer](Result<Payload>&& read) { answer(std::move(read)); });
}

ContainerdRuntime::ContainerdRuntime(std::unique_ptr<Core> core) : core_(std::move(core)) {}

ContainerdRuntime::~ContainerdRuntime() = default;

Result<std::shared_ptr<ContainerdRuntime>> ContainerdRuntime::open(
    const Settings& settings, std::shared_ptr<containerd_client::Connection> containerd) {
  if (auto made = make_directories(settings); !made) return tl::unexpected(made.error());
  try {
    return std::shared_ptr<ContainerdRuntime>(
        new ContainerdRuntime(std::make_unique<Core>(settings, std::move(containerd))));
  } catch (const std::exception& e) {
    return failure(ErrorKind::internal, std::string("starting the containerd runtime: ") + e.what());
  }
}

void ContainerdRuntime::start(SpecPtr spec, Callback<Started> answer) {
  core_->loop().post([core = core_.get(), spec = std::move(spec), answer = std::move(answer)]() mutable {
    core->start(std::move(spec), std::move(answer));
  });
}

void ContainerdRuntime::kill(const std::string& id, int signal, Callback<Done> answer) {
  core_->loop().post([core = core_.get(), id, signal, answer = std::move(answer)] {
    core->in_turn<Done>(
        id, [core, signal](const auto& sandbox, const auto& then) { core->kill(sandbox, signal, then); },
        answer);
  });
}

void ContainerdRuntime::cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer) {
  core_->loop().post([core = core_.get(), id, extent, answer = std::move(answer)]() mutable {
    core->cleanup(id, extent, std::move(answer));
  });
}

void ContainerdRuntime::inspect(const std::string& id, Callback<runtime::Process> answer) {
  core_->loop().post([core = core_.get(), id, answer = std::move(answer)] {
    core->in_turn<runtime::Process>(
        id, [core](const auto& sandbox, const auto& then) { core->inspect(sandbox, then); }, answer);
  });
}

void ContainerdRuntime::list(Callback<runtime::Holdings> answer) {
  core_->loop().post([core = core_.get(), answer = std::move(answer)] { core->list(answer); });
}

void ContainerdRuntime::recall(const std::string& id, Callback<SpecPtr> answer) {
  core_->loop().post([core = core_.get(), id, answer = std::move(answer)] {
    core->in_turn<SpecPtr>(
        id, [core](const auto& sandbox, const auto& then) { core->recall(sandbox, then); }, answer);
  });
}

void ContainerdRuntime::metrics(const std::string& id, Callback<Payload> answer) {
  core_->loop().post([core = core_.get(), id, answer = std::move(answer)] {
    core->in_turn<Payload>(
        id, [core](const auto& sandbox, const auto& then) { core->metrics(sandbox, then); }, answer);
  });
}

void ContainerdRuntime::subscribe(Subscriber subscriber) {
  core_->loop().post([core = core_.get(), subscriber = std::move(subscriber)]() mutable {
    core->subscribe(std::move(subscriber));
  });
}

}  // namespace podsandbox::containerd_runtime
