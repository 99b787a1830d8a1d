#include "services/containerd/runtime/hooks.hpp"

#include <atomic>
#include <chrono>
#include <utility>

#include "messages/log.hpp"
#include "proto/cri.pb.h"
#include "services/host/aside_flow.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr auto plugin_time = std::chrono::seconds(5);  // for each

void warn_once() {
  static std::atomic<bool> warned = false;
  if (warned.exchange(true)) return;
  log::warn("containerd", {},
            "plugins of NRI 0.1 are configured: they are deprecated, and containerd will drop them");
}

host::Flow<Result<Done>> run(const Context& context, NriState state, NriPlugins plugins, NriSandbox sandbox) {
  auto running = host::aside(
      context.loop, [state, plugins, sandbox] { return run_nri(plugins, state, sandbox, plugin_time); });
  co_return co_await running;
}

}  // namespace

host::Flow<Result<NriPlugins>> configured_plugins(const Context& context) {
  auto reading =
      host::aside(context.loop, [config = context.settings.nri_config] { return read_nri_config(config); });
  auto plugins = co_await reading;
  if (plugins && !plugins->list.empty()) warn_once();
  co_return plugins;
}

host::Flow<Result<Done>> run_create_hooks(const Context& context, NriPlugins plugins, SandboxPtr sandbox,
                                          SpecPtr spec, std::string oci_spec) {
  if (plugins.list.empty()) co_return Done{};
  NriSandbox told{sandbox->id, sandbox->record->pid, std::move(oci_spec), {}};
  const auto& labels = spec->config->labels();
  told.labels.insert(labels.begin(), labels.end());
  auto running = run(context, NriState::create, std::move(plugins), std::move(told));
  co_return co_await running;
}

host::Flow<void> run_delete_hooks(const Context& context, SandboxPtr sandbox) {
  auto reading = configured_plugins(context);
  const auto plugins = co_await reading;
  if (plugins && plugins->list.empty()) co_return;
  Result<Done> ran = plugins.map([](const NriPlugins&) { return Done{}; });
  if (plugins) {
    auto asking = context.api.get_container(sandbox->id);
    const auto container = co_await asking;
    NriSandbox told{sandbox->id, sandbox->record->pid, container ? container->spec().value() : "", {}};
    auto running = run(context, NriState::remove, *plugins, std::move(told));
    ran = co_await running;
  }
  if (!ran) log::warn("containerd", sandbox->id, "a plugin of NRI failed at its end: " + ran.error().message);
}

}  // namespace podsandbox::containerd_runtime
