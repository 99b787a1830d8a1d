#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "proto/cri.pb.h"
#include "services/oci/pause_spec.hpp"
#include "test/linux/specs.hpp"

namespace podsandbox::test {

namespace cri = ::runtime::v1;
using Config = cri::PodSandboxConfig;

/// A pod "box" and everything about it that a spec is made of; the usual, unless a test changes it.
struct Pod {
  explicit Pod(const std::function<void(Config&)>& change = {}) : sandbox(spec_of("box", change)) {
    sandbox.netns_path = "/run/netns/cni-1";
    sandbox.runtime_name = "io.containerd.runc.v2";
    image.entrypoint = {"/pause"};
    image.user = "65535:65535";
    settings.image = "example.org/pause:1";
    settings.root_dir = "/root-dir";
    settings.state_dir = "/state-dir";
    host.name = "the-host";
    host.architecture = "amd64";
    host.oom_score_adj = 100;
  }

  Result<oci::PauseSpec> build() const {
    const oci::Inputs inputs{sandbox, image, settings, host};
    const auto choices = oci::choose(inputs);
    if (!choices) return tl::unexpected(choices.error());
    return oci::pause_spec(inputs, *choices, files);
  }
  Result<oci::Choices> choose() const { return oci::choose({sandbox, image, settings, host}); }
  /// The spec; an exception with the error's text when there is none.
  nlohmann::json spec() const {
    auto made = build();
    if (!made) throw std::runtime_error(made.error().message);
    return made->spec;
  }

  SandboxSpec sandbox;
  oci::ImageConfig image;
  oci::Settings settings;
  oci::HostFacts host;
  oci::Files files;
};

inline cri::LinuxSandboxSecurityContext& security(Config& config) {
  return *config.mutable_linux()->mutable_security_context();
}

inline cri::NamespaceOption& namespaces(Config& config) {
  return *security(config).mutable_namespace_options();
}

inline void map_users(Config& config, std::uint32_t first, std::uint32_t length) {
  auto& userns = *namespaces(config).mutable_userns_options();
  userns.set_mode(cri::POD);
  for (auto* mapping : {userns.add_uids(), userns.add_gids()}) {
    mapping->set_host_id(first);
    mapping->set_length(length);
  }
}

inline void set_sysctl(Config& config, const std::string& key, const std::string& value) {
  (*config.mutable_linux()->mutable_sysctls())[key] = value;
}

inline void set_seccomp(Config& config, int type, const std::string& file = {}) {
  auto& profile = *security(config).mutable_seccomp();
  profile.set_profile_type(static_cast<cri::SecurityProfile::ProfileType>(type));
  profile.set_localhost_ref(file);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // clients still send it
inline void set_legacy_seccomp(Config& config, const std::string& profile) {
  security(config).set_seccomp_profile_path(profile);
}
#pragma GCC diagnostic pop

/// Whether the pod is refused with INVALID_ARGUMENT and this field's name first in the text; or else what is
/// wrong with that.
inline std::string not_refused(const Pod& pod, const std::string& field) {
  const auto made = pod.build();
  if (!made) {
    const Error& error = made.error();
    const bool right = error.kind == ErrorKind::invalid_argument && error.message.starts_with(field + ": ");
    return right ? "" : error.message;
  }
  return "it is not refused";
}

}  // namespace podsandbox::test
