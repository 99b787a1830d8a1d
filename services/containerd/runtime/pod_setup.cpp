#include "services/containerd/runtime/pod_setup.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "proto/cri.pb.h"
#include "services/host/namespaces.hpp"
#include "services/host/pod_files.hpp"
#include "services/host/small_file.hpp"
#include "services/host/system_error.hpp"
#include "services/host/unique_fd.hpp"

namespace podsandbox::containerd_runtime {

namespace {

constexpr std::size_t longest_profile = 1 << 20;

Result<std::string> read_profile(const PodSetup& setup) {
  if (setup.seccomp_file.empty()) return "";
  auto text = host::read_small_file(setup.seccomp_file, longest_profile);
  if (text) return text;
  return failure(ErrorKind::invalid_argument, "config.linux.security_context.seccomp: the profile " +
                                                  setup.seccomp_file + ": " + text.error().message);
}

// By a mount of its file, so that it is found by its path. The directory is ours, and new.
Result<Done> pin(const host::UniqueFd& user_namespace, const std::string& path) {
  const auto failed = [&](const char* what) {
    return failure(ErrorKind::internal, host::because(std::string(what) + path + " for its user namespace"));
  };
  const std::string directory = std::filesystem::path(path).parent_path();
  if (mkdir(directory.c_str(), 0755) != 0) return failed("making the directory of ");
  const host::UniqueFd file(open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return failed("making ");
  const std::string source = "/proc/self/fd/" + std::to_string(user_namespace.get());
  if (mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) return failed("mounting ");
  return Done{};
}

Result<host::UniqueFd> open_user_namespace(const PodSetup& setup) {
  // Only one that a network is in is pinned: nothing is made of the mappings.
  auto namespaces = host::open_namespaces(setup.spec->netns_path, host::UserNamespace{});
  if (!namespaces) return tl::unexpected<Error>(std::move(namespaces.error()));
  return std::move(namespaces->user);
}

}  // namespace

Result<std::string> set_up_pod(const PodSetup& setup) {
  auto profile = read_profile(setup);
  if (!profile) return profile;
  const bool pins = !setup.user_namespace_path.empty();
  auto user_namespace = pins ? open_user_namespace(setup) : host::UniqueFd();
  if (!user_namespace) return tl::unexpected<Error>(std::move(user_namespace.error()));
  if (auto made = host::make_pod_files(setup.cri, setup.owner, *setup.spec, setup.host_name); !made) {
    return tl::unexpected<Error>(std::move(made.error()));
  }
  if (!pins) return profile;
  if (auto pinned = pin(*user_namespace, setup.user_namespace_path); !pinned) {
    return tl::unexpected<Error>(std::move(pinned.error()));
  }
  return profile;
}

}  // namespace podsandbox::containerd_runtime
