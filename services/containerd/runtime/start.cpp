#include "services/containerd/runtime/start.hpp"

#include <optional>
#include <string>
#include <utility>

#include "messages/failpoint.hpp"
#include "messages/runtime_handler.hpp"
#include "proto/cri.pb.h"
#include "services/containerd/runtime/account_files.hpp"
#include "services/containerd/runtime/container.hpp"
#include "services/containerd/runtime/hooks.hpp"
#include "services/containerd/runtime/pod_setup.hpp"
#include "services/containerd/runtime/removal.hpp"
#include "services/containerd/runtime/snapshot.hpp"
#include "services/host/aside_flow.hpp"
#include "services/host/pod_cgroup.hpp"
#include "services/host/process_facts.hpp"
#include "services/oci/namespaces.hpp"
#include "services/oci/pause_spec.hpp"

namespace podsandbox::containerd_runtime {

namespace {

using host::Flow;

constexpr auto lease_outlives_start = std::chrono::milliseconds(100);

class Starting {
 public:
  Starting(const Context& context, SandboxPtr sandbox, SpecPtr spec, Cancellation& cancellation)
      : context_(context),
        sandbox_(std::move(sandbox)),
        spec_(std::move(spec)),
        cancellation_(cancellation),
        settings_(settings_of(context, *spec_)) {}

  Flow<Result<Started>> run();

 private:
  static oci::Settings settings_of(const Context& context, const SandboxSpec& spec);
  oci::Inputs inputs() const { return {*spec_, image_.content->config, settings_, context_.host}; }

  Flow<Result<Done>> make();
  Flow<Result<Done>> choose();
  Flow<Result<Done>> set_up();
  Flow<Result<std::string>> make_files();
  Flow<Result<Done>> make_container();
  Flow<Result<Done>> make_task();
  Flow<Result<Done>> start_task();
  Result<Done> record_process(int pid);
  Result<Done> write() const { return context_.records.write(sandbox_->id, *sandbox_->record); }

  const Context& context_;
  const SandboxPtr sandbox_;
  const SpecPtr spec_;
  Cancellation& cancellation_;
  const oci::Settings settings_;
  Image image_;
  oci::Choices choices_;
  oci::Files files_;
  Mounts rootfs_;
  std::string mount_label_;
  Container container_;
};

oci::Settings Starting::settings_of(const Context& context, const SandboxSpec& spec) {
  const CriSettings& cri = context.settings.cri;
  oci::Settings settings;
  settings.handler = cri.of(runtime_handler(spec));
  settings.image = cri.sandbox_image;
  settings.root_dir = cri.root_dir;
  settings.state_dir = cri.state_dir;
  return settings;
}

Flow<Result<Started>> Starting::run() {
  auto making = make();
  const auto made = co_await making;
  if (!made) co_return tl::unexpected<Error>(made.error());
  Started started = describe(container_);
  started.pid = static_cast<std::uint32_t>(sandbox_->record->pid);
  started.start_time = sandbox_->record->start_time;
  co_return started;
}

Flow<Result<Done>> Starting::make() {
  using Step = Flow<Result<Done>> (Starting::*)();
  for (const Step step : {&Starting::choose, &Starting::set_up, &Starting::make_container,
                          &Starting::make_task, &Starting::start_task}) {
    if (cancellation_.asked()) co_return failure(ErrorKind::aborted, "it is being cleaned up");
    failpoint("step of a start in containerd");
    auto stepping = (this->*step)();
    auto done = co_await stepping;
    if (!done) co_return done;
  }
  co_return Done{};
}

// Before anything is made: what cannot be had is refused.
Flow<Result<Done>> Starting::choose() {
  host::Answer<Result<Image>> looking(context_.loop, [this](auto callback) {
    cancellation_.when_asked([callback] { callback(failure(ErrorKind::aborted, "it is being cleaned up")); });
    host::deliver<Result<Image>>(context_.flows, context_.images.get(context_.settings.cri.sandbox_image),
                                 callback);
  });
  auto image = co_await looking;
  if (!image) co_return tl::unexpected<Error>(image.error());
  image_ = std::move(*image);
  auto choices = oci::choose(inputs());
  if (!choices) co_return tl::unexpected<Error>(choices.error());
  choices_ = std::move(*choices);
  co_return Done{};
}

Flow<Result<std::string>> Starting::make_files() {
  const bool reads_profile = choices_.seccomp.kind == oci::SeccompChoice::Kind::file;
  const PodSetup setup{context_.settings.cri,
                       spec_,
                       context_.settings.owner,
                       context_.host.name,
                       reads_profile ? choices_.seccomp.file : "",
                       oci::user_namespace_path(*spec_, context_.settings.cri.state_dir)};
  auto setting_up = host::aside(context_.loop, [setup] { return set_up_pod(setup); });
  co_return co_await setting_up;
}

// The pod's files and its snapshot, side by side.
Flow<Result<Done>> Starting::set_up() {
  sandbox_->record = host::ProcessRecord{};
  sandbox_->record->boot_id = context_.boot_id;
  sandbox_->record->cgroup_parent = host::pod_cgroup(spec_->config->linux().cgroup_parent()).value_or("");
  sandbox_->record->files = true;
  auto written = context_.records.write_spec(*spec_);
  if (written) written = write();
  if (!written) co_return written;

  host::Running files(context_.flows, make_files());
  sandbox_->leased = false;
  auto making = make_snapshot(context_, sandbox_, {*spec_, image_, settings_.handler.snapshotter});
  auto snapshot = co_await making;
  auto profile = co_await files;
  if (!profile) {
    if (profile.error().kind == ErrorKind::already_exists) sandbox_->record->files = false;  // not ours
    co_return tl::unexpected<Error>(profile.error());
  }
  if (!snapshot) co_return tl::unexpected<Error>(snapshot.error());
  files_.seccomp = std::move(*profile);
  rootfs_ = std::move(*snapshot);
  if (!choices_.reads_accounts()) co_return Done{};
  auto reading = host::aside(context_.loop, [mounts = rootfs_] { return read_account_files(mounts); });
  auto accounts = co_await reading;
  if (!accounts) co_return tl::unexpected<Error>(accounts.error());
  files_.accounts = std::move(*accounts);
  co_return Done{};
}

Flow<Result<Done>> Starting::make_container() {
  auto spec = oci::pause_spec(inputs(), choices_, files_);
  if (!spec) co_return tl::unexpected<Error>(spec.error());
  mount_label_ = spec->mount_label;
  ContainerParts parts{image_.name, image_.content->labels, settings_.handler.snapshotter,
                       oci::payload_of(spec->spec), spec->selinux_label};
  auto creating = context_.api.create_container(
      containerd_runtime::make_container(*spec_, context_.settings.owner, parts));
  auto container = co_await creating;
  if (!container) {
    co_return failure(container.error().kind, "making its container: " + container.error().message);
  }
  container_ = std::move(*container);
  sandbox_->snapshotter = container_.snapshotter();
  co_return Done{};
}

Flow<Result<Done>> Starting::make_task() {
  for (auto& mount : rootfs_) {
    if (!mount_label_.empty()) mount.add_options("context=\"" + mount_label_ + "\"");
  }
  host::Running reading(context_.flows, configured_plugins(context_));  // meanwhile
  auto creating = context_.api.create_task(sandbox_->id, rootfs_, context_.settings.start_deadline);
  const auto pid = co_await creating;
  if (!pid) co_return failure(pid.error().kind, "making its task: " + pid.error().message);
  if (auto recorded = record_process(*pid); !recorded) co_return recorded;
  auto plugins = co_await reading;
  if (!plugins) co_return tl::unexpected<Error>(plugins.error());
  auto hooks = run_create_hooks(context_, std::move(*plugins), sandbox_, spec_, container_.spec().value());
  co_return co_await hooks;
}

// Whoever comes after us must know of it before it runs.
Result<Done> Starting::record_process(int pid) {
  const auto stat = host::read_stat(pid);
  if (stat) sandbox_->process = WatchedProcess::open(context_.loop, pid, stat->start_time);
  if (!sandbox_->process) {
    return failure(ErrorKind::unavailable,
                   "its task's process " + std::to_string(pid) + " is not there: was it killed?");
  }
  sandbox_->record->pid = pid;
  sandbox_->record->start_time = stat->start_time;
  return write();
}

Flow<Result<Done>> Starting::start_task() {
  auto starting = context_.api.start_task(sandbox_->id, context_.settings.start_deadline);
  const auto started = co_await starting;
  if (!started) co_return failure(started.error().kind, "starting its task: " + started.error().message);
  if (cancellation_.asked()) co_return failure(ErrorKind::aborted, "it is being cleaned up");
  sandbox_->record->started = true;
  auto written = write();
  if (!written) sandbox_->record->started = false;
  co_return written;
}

// The same answer again, from what containerd keeps.
Flow<Result<Started>> started_before(const Context& context, SandboxPtr sandbox) {
  auto asking = context.api.get_container(sandbox->id);
  const auto container = co_await asking;
  if (!container) {
    co_return failure(container.error().kind,
                      "reading the container that was started: " + container.error().message);
  }
  Started started = describe(*container);
  started.pid = static_cast<std::uint32_t>(sandbox->record->pid);
  started.start_time = sandbox->record->start_time;
  co_return started;
}

// The container's record holds the snapshot by now. Not at once: CRI is about to write down the pod, and
// containerd writes one thing after the other. If it fails, it is ended with the sandbox.
Flow<void> end_lease_aside(const Context& context, SandboxPtr sandbox) {
  auto waiting = host::pause_for(context.loop, lease_outlives_start);
  co_await waiting;
  if (!sandbox->started()) co_return;  // it was removed; there may be a new start of the same id
  auto ending = end_lease(context, sandbox);
  co_await ending;
}

Flow<Result<Started>> start_new(const Context& context, SandboxPtr sandbox, SpecPtr spec,
                                std::shared_ptr<Cancellation> cancellation) {
  Starting starting(context, sandbox, std::move(spec), *cancellation);
  auto running = starting.run();
  auto started = co_await running;
  if (started) {
    context.watch(sandbox);
    if (sandbox->leased) context.flows.start(end_lease_aside(context, sandbox));
    co_return started;
  }
  if (!sandbox->record) co_return started;  // nothing was made
  auto removing = remove_sandbox(context, sandbox, runtime::Extent::everything);
  const auto removed = co_await removing;
  if (!removed)
    started.error().message += "; and then removing what there was of it: " + removed.error().message;
  co_return started;
}

}  // namespace

Flow<Result<Started>> start_sandbox(const Context& context, SandboxPtr sandbox, SpecPtr spec,
                                    std::shared_ptr<Cancellation> cancellation) {
  Result<Started> started = failure(ErrorKind::aborted, "it is being cleaned up");
  if (sandbox->has_process()) {
    auto asking = started_before(context, sandbox);
    started = co_await asking;
  } else if (sandbox->record) {
    started = failure(ErrorKind::failed_precondition, "something is left of a former start; clean it up");
  } else if (!cancellation->asked()) {
    auto starting = start_new(context, sandbox, std::move(spec), std::move(cancellation));
    started = co_await starting;
  }
  co_return started;
}

}  // namespace podsandbox::containerd_runtime
