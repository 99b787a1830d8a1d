#include "services/host/runc_state.hpp"

#include <system_error>

#include "proto/runc_options.pb.h"

namespace podsandbox::host {

namespace {

constexpr const char* usual_root = "/run/containerd/runc";
constexpr const char* kubernetes_namespace = "k8s.io";

}  // namespace

std::filesystem::path runc_state(const Payload& runtime_options, const std::string& id) {
  std::filesystem::path root = usual_root;
  if (!runtime_options.type_url.empty()) {
    ::containerd::runc::v1::Options options;
    if (!runtime_options.type_url.ends_with("containerd.runc.v1.Options") ||
        !options.ParseFromString(runtime_options.value)) {
      return {};
    }
    if (!options.root().empty()) root = options.root();
  }
  return root.is_absolute() ? root / kubernetes_namespace / id : std::filesystem::path();
}

Result<Done> remove_runc_state(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (!error) return Done{};
  return failure(ErrorKind::unavailable,
                 "removing runc's state " + directory.string() + ": " + error.message());
}

}  // namespace podsandbox::host
