#include "services/containerd/runtime/hooks.hpp"

#include <atomic>
#include <chrono>
#include <utility>

#include "messages/log.hpp"
#include "proto/cri.pb.h"
#include "services/containerd/runtime/nri.hpp"
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

Result<Done> run_plugins(const std::string& config, NriState state, const NriSandbox& sandbox) {
  const auto plugins = read_nri_config(config);
  if (!plugins) return tl::unexpected<Error>(plugins.error());
  if (plugins->list.empty()) return Done{};
  warn_once();
  return run_nri(*plugins, state, sandbox, plugin_time);
}

}  // namespace

host::Flow<Result<Done>> run_create_hooks(const Context& context, SandboxPtr sandbox, SpecPtr spec,
                                          std::string oci_spec) {
  NriSandbox told{sandbox->id, sandbox->record->pid, std::move(oci_spec), {}};
  const auto& labels = spec->config->labels();
  told.labels.insert(labels.begin(), labels.end());
  auto running = host::aside(context.loop, [config = context.settings.nri_config, told] {
    return run_plugins(config, NriState::create, told);
  });
  co_return co_await running;
}

host::Flow<void> run_delete_hooks(const Context& context, SandboxPtr sandbox) {
  const NriSandbox told{sandbox->id, sandbox->record->pid, {}, {}};
  auto running = host::aside(context.loop, [config = context.settings.nri_config, told] {
    return run_plugins(config, NriState::remove, told);
  });
  const auto ran = co_await running;
  if (!ran) log::warn("containerd", sandbox->id, "a plugin of NRI failed at its end: " + ran.error().message);
}

}  // namespace podsandbox::containerd_runtime
