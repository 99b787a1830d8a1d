#include "services/linux/shims/pod_containers.hpp"

#include "services/host/runc_options.hpp"
#include "services/linux/shims/lost_containers.hpp"

namespace podsandbox::linux_runtime {

namespace {

constexpr const char* usual_type = "io.containerd.runc.v2";

}  // namespace

ShimWishes shim_wishes(const host::RecordStore& records, const std::string& id) {
  const auto spec = records.read_spec(id);
  if (!spec) return {usual_type, ""};
  const auto options = host::runc_options((*spec)->runtime_options);
  return {(*spec)->runtime_name, options ? options->shim_cgroup() : ""};
}

PodContainers containers_of(const host::RecordStore& records, const std::string& id) {
  const auto runtime = [records, id] {
    const auto spec = records.read_spec(id);
    return oci_runtime_of(spec ? **spec : SandboxSpec{});
  };
  return {[runtime, id] { return containers_of_pod(runtime(), id); },
          [runtime](const auto& ids, auto deadline) { return remove_containers(runtime(), ids, deadline); }};
}

}  // namespace podsandbox::linux_runtime
