#include "services/host/runc_options.hpp"

namespace podsandbox::host {

std::optional<RuncOptions> runc_options(const Payload& runtime_options) {
  RuncOptions options;
  if (runtime_options.type_url.empty()) return options;
  if (runtime_options.type_url != RuncOptions::descriptor()->full_name() ||
      !options.ParseFromString(runtime_options.value)) {
    return std::nullopt;
  }
  return options;
}

std::filesystem::path runc_root(const RuncOptions& options) {
  return options.root().empty() ? "/run/containerd/runc" : options.root();
}

}  // namespace podsandbox::host
