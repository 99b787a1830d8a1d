#include "services/linux/linux_runtime.hpp"

#include <sys/stat.h>

#include <exception>
#include <utility>

#include "messages/log.hpp"
#include "proto/cri.pb.h"
#include "services/host/aside.hpp"
#include "services/host/cgroup_metrics.hpp"
#include "services/host/system_error.hpp"
#include "services/linux/host_facts.hpp"
#include "services/linux/keeper_inventory.hpp"
#include "services/linux/recovery.hpp"
#include "services/linux/removal.hpp"
#include "services/linux/sandboxes.hpp"
#include "services/linux/shims/shim_place.hpp"
#include "services/linux/shims/shims.hpp"
#include "services/linux/start_job.hpp"
#include "services/linux/sweep.hpp"

namespace podsandbox::linux_runtime {

namespace {

Result<Done> make_directories(const Settings& settings) {
  std::error_code error;
  for (const auto& directory :
       {settings.state_dir, shim_sockets_dir(settings.state_dir), shim_bundles_dir(settings.state_dir),
        settings.data_dir, settings.records_dir()}) {
    std::filesystem::create_directories(directory.parent_path(), error);
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return failure(ErrorKind::internal,
                     host::because("making the linux runtime's directory " + directory.string()));
    }
  }
  return Done{};
}

tl::unexpected<Error> not_found(const std::string& id, const char* what) {
  return failure(ErrorKind::not_found, "sandbox " + id + " has no " + what);
}

}  // namespace

// Everything in it happens on the loop, apart from its construction and destruction.
class LinuxRuntime::Core {
 public:
  Core(const Settings& settings, std::shared_ptr<host::DescriptorStore> descriptors);
  ~Core();

  host::Loop& loop() { return loop_; }

  void start(SpecPtr spec, Callback<Started> answer);
  void kill(const std::string& id, int signal, const Callback<Done>& answer);
  void cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer);
  void inspect(const std::string& id, const Callback<runtime::Process>& answer);
  void list(const Callback<runtime::Holdings>& answer);
  void recall(const std::string& id, const Callback<SpecPtr>& answer);
  void metrics(const std::string& id, const Callback<Payload>& answer);
  void subscribe(Subscriber subscriber);

  /// Runs `task` when it is known which sandboxes there are, or answers with why it is not.
  template <class T, class Task>
  void when_known(Callback<T> answer, Task task);

 private:
  using Waiter = std::function<void(Result<Done>)>;

  void connected();
  void connection_failed(const Error& error);
  void inventory_read(Result<std::vector<KeeperAnswer>>&& inventory);
  SpecPtr read_spec(const std::string& id) const;
  void with_keeper(Waiter waiter);
  void exited(const runtime::Process& process);

  const Settings settings_;
  const HostFacts host_;
  const CgroupMakers cgroups_;
  const host::RecordStore records_;
  const std::shared_ptr<host::DescriptorStore> descriptors_;
  Subscriber subscriber_;
  bool in_step_ = false;   // with a keeper
  unsigned failures_ = 0;  // since then
  bool known_ = false;
  std::vector<Waiter> waiting_for_keeper_;
  host::Loop loop_;
  KeeperClient keeper_;
  const Context context_;
  Shims shims_;
  Sandboxes sandboxes_;
  Sweep sweep_;
};

LinuxRuntime::Core::Core(const Settings& settings, std::shared_ptr<host::DescriptorStore> descriptors)
    : settings_(settings),
      host_(host_facts()),
      cgroups_{host::find_cgroup_mounts(), {settings.systemd_bus}, settings.deadline, settings.owner()},
      records_(settings.records_dir()),
      descriptors_(std::move(descriptors)),
      keeper_(loop_, settings_,
              {[this] { connected(); }, [this](const Error& error) { connection_failed(error); }}),
      context_{loop_,
               keeper_,
               records_,
               cgroups_,
               settings_,
               host_,
               shims_,
               *descriptors_,
               [this](Waiter waiter) { with_keeper(std::move(waiter)); },
               [this](const runtime::Process& process) { exited(process); }},
      shims_(context_),
      sandboxes_(loop_),
      sweep_(context_, sandboxes_) {
  loop_.post([this] {
    shims_.take_up();
    descriptors_->forget_others();
    keeper_.connect();
  });
}

// From here on nothing runs on the loop. What waits for something holds sandboxes, which need the context: it
// goes before the members do.
LinuxRuntime::Core::~Core() {
  loop_.stop();
  keeper_.forget_calls();
  waiting_for_keeper_.clear();
}

void LinuxRuntime::Core::connected() {
  read_inventory(keeper_, [this](Result<std::vector<KeeperAnswer>>&& inventory) {
    if (inventory) inventory_read(std::move(*inventory));  // else connection_failed has been told
  });
}

void LinuxRuntime::Core::inventory_read(Result<std::vector<KeeperAnswer>>&& inventory) {
  if (known_) {
    remove_strays(context_, sandboxes_, *inventory);
  } else {
    recover(context_, sandboxes_, std::move(*inventory));
  }
  const bool first = !std::exchange(known_, true);
  in_step_ = true;
  failures_ = 0;
  for (const auto& waiter : std::exchange(waiting_for_keeper_, {})) waiter(Done{});
  if (first) sweep_.begin();
}

// At first it is a keeper that has just gone, or is going, and is replaced within milliseconds: worth waiting
// for. After that, whoever waits is told of each failed attempt.
void LinuxRuntime::Core::connection_failed(const Error& error) {
  log::warn("linux", "", error.message);
  in_step_ = false;
  constexpr unsigned worth_waiting = 3;
  if (++failures_ < worth_waiting) return;
  for (const auto& waiter : std::exchange(waiting_for_keeper_, {})) waiter(tl::unexpected(error));
}

void LinuxRuntime::Core::with_keeper(Waiter waiter) {
  if (in_step_) return waiter(Done{});
  waiting_for_keeper_.push_back(std::move(waiter));
}

template <class T, class Task>
void LinuxRuntime::Core::when_known(Callback<T> answer, Task task) {
  if (known_) return task(std::move(answer));
  with_keeper([answer = std::move(answer), task = std::move(task)](Result<Done> ready) {
    if (!ready) return answer(tl::unexpected(ready.error()));
    task(answer);
  });
}

void LinuxRuntime::Core::exited(const runtime::Process& process) {
  if (subscriber_) subscriber_(process);
}

void LinuxRuntime::Core::start(SpecPtr spec, Callback<Started> answer) {
  if (!is_identifier(spec->id)) {
    return answer(failure(ErrorKind::invalid_argument, "id: starting a sandbox: it is not an identifier"));
  }
  const auto sandbox = sandboxes_.get(spec->id);
  auto job = std::make_shared<StartJob>(context_, sandbox, std::move(spec), std::move(answer));
  sandboxes_.add_turn(sandbox, {[job](std::function<void()> done) { job->run(std::move(done)); }, job});
}

void LinuxRuntime::Core::kill(const std::string& id, int signal, const Callback<Done>& answer) {
  const auto sandbox = sandboxes_.find(id);
  if (!sandbox) return answer(not_found(id, "process to kill"));
  const auto run = [sandbox, signal, answer](const std::function<void()>& done) {
    const int error = sandbox->child ? sandbox->child->kill(signal) : ESRCH;
    if (error == 0) {
      answer(Done{});
    } else if (error == ESRCH) {
      answer(not_found(sandbox->id, "process to kill"));
    } else {
      const auto kind = error == EINVAL ? ErrorKind::invalid_argument : ErrorKind::internal;
      const std::string what = "sending signal " + std::to_string(signal);
      answer(failure(kind, host::because(what, error)));
    }
    done();
  };
  sandboxes_.add_turn(sandbox, {run, nullptr});
}

void LinuxRuntime::Core::cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer) {
  if (!is_identifier(id)) return answer(Done{});
  const auto sandbox = sandboxes_.get(id);
  const auto run = [this, sandbox, extent, answer = std::move(answer)](const std::function<void()>& done) {
    remove_sandbox(context_, sandbox, extent, [answer, done](Result<Done> removed) {
      answer(std::move(removed));
      done();
    });
  };
  Sandboxes::cancel_starts(*sandbox);
  sandboxes_.add_turn(sandbox, {run, nullptr});
}

void LinuxRuntime::Core::inspect(const std::string& id, const Callback<runtime::Process>& answer) {
  const auto sandbox = sandboxes_.find(id);
  if (!sandbox) return answer(not_found(id, "process"));
  const auto run = [sandbox, answer](const std::function<void()>& done) {
    if (sandbox->child) {
      answer(sandbox->child->describe());
    } else {
      answer(not_found(sandbox->id, "process"));
    }
    done();
  };
  sandboxes_.add_turn(sandbox, {run, nullptr});
}

void LinuxRuntime::Core::list(const Callback<runtime::Holdings>& answer) {
  runtime::Holdings holdings;
  for (const auto& sandbox : sandboxes_.all()) {
    // Not those that are being started; but those that a failed start has left.
    const bool counts = sandbox->child && (sandbox->child->started() || !sandbox->taken);
    if (counts) holdings.processes.push_back(sandbox->child->describe());
    if (!sandbox->child && !sandbox->busy && !sandbox->empty()) holdings.remains.push_back(sandbox->id);
  }
  answer(std::move(holdings));
}

void LinuxRuntime::Core::recall(const std::string& id, const Callback<SpecPtr>& answer) {
  const auto sandbox = sandboxes_.find(id);
  if (!sandbox) return answer(not_found(id, "start to recall"));
  const auto run = [this, sandbox, answer](const std::function<void()>& done) {
    if (sandbox->empty()) {
      answer(not_found(sandbox->id, "start to recall"));
    } else {
      answer(read_spec(sandbox->id));
    }
    done();
  };
  sandboxes_.add_turn(sandbox, {run, nullptr});
}

SpecPtr LinuxRuntime::Core::read_spec(const std::string& id) const {
  if (auto spec = records_.read_spec(id)) return *spec;
  log::error("linux", id, "what its start was asked is lost: only its id is known");
  auto bare = std::make_shared<SandboxSpec>();
  bare->id = id;
  bare->config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  return bare;
}

void LinuxRuntime::Core::metrics(const std::string& id, const Callback<Payload>& answer) {
  const auto sandbox = sandboxes_.find(id);
  if (!sandbox) return answer(not_found(id, "process to measure"));
  const auto run = [this, sandbox, answer](const std::function<void()>& done) {
    done();  // others need not wait for the reading
    if (!sandbox->child) return answer(not_found(sandbox->id, "process to measure"));
    if (sandbox->cgroup.empty()) {
      return answer(
          failure(ErrorKind::failed_precondition,
                  "sandbox " + sandbox->id + " has no cgroup (config.linux.cgroup_parent is empty)"));
    }
    host::run_aside(
        loop_,
        [mounts = cgroups_.mounts, parent = sandbox->cgroup_parent] {
          return host::read_cgroup_metrics(mounts, parent);
        },
        [answer](Result<Payload>&& read) { answer(std::move(read)); });
  };
  sandboxes_.add_turn(sandbox, {run, nullptr});
}

void LinuxRuntime::Core::subscribe(Subscriber subscriber) {
  subscriber_ = std::move(subscriber);
  for (const auto& sandbox : sandboxes_.all()) {
    const auto& child = sandbox->child;
    if (child && child->started() && child->exit()) exited(child->describe());
  }
}

LinuxRuntime::LinuxRuntime(std::unique_ptr<Core> core) : core_(std::move(core)) {}

LinuxRuntime::~LinuxRuntime() = default;

Result<std::shared_ptr<LinuxRuntime>> LinuxRuntime::open(const Settings& settings,
                                                         std::shared_ptr<host::DescriptorStore> descriptors) {
  if (auto made = make_directories(settings); !made) return tl::unexpected(made.error());
  try {
    return std::shared_ptr<LinuxRuntime>(
        new LinuxRuntime(std::make_unique<Core>(settings, std::move(descriptors))));
  } catch (const std::exception& e) {
    return failure(ErrorKind::internal, std::string("starting the linux runtime: ") + e.what());
  }
}

void LinuxRuntime::start(SpecPtr spec, Callback<Started> answer) {
  core_->loop().post([core = core_.get(), spec = std::move(spec), answer = std::move(answer)]() mutable {
    core->when_known<Started>(std::move(answer),
                              [core, spec](Callback<Started> then) { core->start(spec, std::move(then)); });
  });
}

void LinuxRuntime::kill(const std::string& id, int signal, Callback<Done> answer) {
  core_->loop().post([core = core_.get(), id, signal, answer = std::move(answer)] {
    core->when_known<Done>(answer,
                           [core, id, signal](const Callback<Done>& then) { core->kill(id, signal, then); });
  });
}

void LinuxRuntime::cleanup(const std::string& id, runtime::Extent extent, Callback<Done> answer) {
  core_->loop().post([core = core_.get(), id, extent, answer = std::move(answer)] {
    core->when_known<Done>(
        answer, [core, id, extent](const Callback<Done>& then) { core->cleanup(id, extent, then); });
  });
}

void LinuxRuntime::inspect(const std::string& id, Callback<runtime::Process> answer) {
  core_->loop().post([core = core_.get(), id, answer = std::move(answer)] {
    core->when_known<runtime::Process>(
        answer, [core, id](const Callback<runtime::Process>& then) { core->inspect(id, then); });
  });
}

void LinuxRuntime::list(Callback<runtime::Holdings> answer) {
  core_->loop().post([core = core_.get(), answer = std::move(answer)] {
    core->when_known<runtime::Holdings>(
        answer, [core](const Callback<runtime::Holdings>& then) { core->list(then); });
  });
}

void LinuxRuntime::recall(const std::string& id, Callback<SpecPtr> answer) {
  core_->loop().post([core = core_.get(), id, answer = std::move(answer)] {
    core->when_known<SpecPtr>(answer, [core, id](const Callback<SpecPtr>& then) { core->recall(id, then); });
  });
}

void LinuxRuntime::metrics(const std::string& id, Callback<Payload> answer) {
  core_->loop().post([core = core_.get(), id, answer = std::move(answer)] {
    core->when_known<Payload>(answer, [core, id](const Callback<Payload>& then) { core->metrics(id, then); });
  });
}

void LinuxRuntime::subscribe(Subscriber subscriber) {
  core_->loop().post([core = core_.get(), subscriber = std::move(subscriber)]() mutable {
    core->subscribe(std::move(subscriber));
  });
}

}  // namespace podsandbox::linux_runtime
