#include "services/ctl/pod_config.hpp"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

namespace podsandbox::ctl {

namespace {

using ::runtime::v1::PodSandboxConfig;
using LabelMap = google::protobuf::Map<std::string, std::string>;

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file.bad() || !file.is_open() || text.str().empty()) {
    const std::string why = errno == 0 ? "it is empty" : std::generic_category().message(errno);
    return failure(ErrorKind::invalid_argument, path + ": cannot be read: " + why);
  }
  return text.str();
}

Result<PodSandboxConfig> read_pod_config(const std::optional<std::string>& file) {
  if (!file) return PodSandboxConfig();
  return read_file(*file).and_then([&](const std::string& json) { return parse_pod_config(json, *file); });
}

Result<Done> add_pairs(LabelMap& map, const std::vector<std::string>& pairs, const std::string& flag) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return failure(ErrorKind::invalid_argument, flag + ": must be KEY=VALUE, not \"" + pair + "\"");
    }
    map[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return Done{};
}

void apply_identity(::runtime::v1::PodSandboxMetadata& pod, const PodFlags& flags, const std::string& id) {
  if (flags.name) pod.set_name(*flags.name);
  if (flags.pod_namespace) pod.set_namespace_(*flags.pod_namespace);
  if (flags.uid) pod.set_uid(*flags.uid);
  if (flags.attempt) pod.set_attempt(*flags.attempt);
  if (pod.name().empty()) pod.set_name(id);
  if (pod.namespace_().empty()) pod.set_namespace_("default");
  if (pod.uid().empty()) pod.set_uid(id);
}

void apply_linux(PodSandboxConfig& config, const PodFlags& flags) {
  if (flags.cgroup_parent) config.mutable_linux()->set_cgroup_parent(*flags.cgroup_parent);
  if (flags.host_network) {
    auto* security = config.mutable_linux()->mutable_security_context();
    security->mutable_namespace_options()->set_network(::runtime::v1::NODE);
  }
}

}  // namespace

std::string new_id() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> digit(0, digits.size() - 1);
  std::string id(64, '0');
  for (char& c : id) c = digits[digit(random)];
  return id;
}

Result<PodSandboxConfig> parse_pod_config(const std::string& json, const std::string& source) {
  PodSandboxConfig config;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &config);
  if (!status.ok()) {
    return failure(ErrorKind::invalid_argument,
                   source + ": not a PodSandboxConfig: " + std::string(status.message()));
  }
  return config;
}

Result<PodSandboxConfig> make_pod_config(const PodFlags& flags, const std::string& id) {
  auto config = read_pod_config(flags.file);
  if (!config) return config;
  apply_identity(*config->mutable_metadata(), flags, id);
  if (flags.hostname) config->set_hostname(*flags.hostname);
  apply_linux(*config, flags);
  auto added = add_pairs(*config->mutable_labels(), flags.labels, "--label").and_then([&](Done) {
    return add_pairs(*config->mutable_annotations(), flags.annotations, "--annotation");
  });
  if (!added) return tl::unexpected<Error>(added.error());
  return config;
}

Result<containerd::services::sandbox::v1::ControllerCreateRequest> make_create_request(
    const PodFlags& flags, const std::string& id) {
  return make_pod_config(flags, id).map([&](const PodSandboxConfig& config) {
    containerd::services::sandbox::v1::ControllerCreateRequest request;
    request.set_sandbox_id(id);
    // containerd writes type URLs without a host prefix, so PackFrom's default does not fit.
    request.mutable_options()->set_type_url(PodSandboxConfig::descriptor()->full_name());
    request.mutable_options()->set_value(config.SerializeAsString());
    request.set_netns_path(flags.netns);
    *request.mutable_annotations() = config.annotations();
    auto* sandbox = request.mutable_sandbox();
    sandbox->set_sandbox_id(id);
    sandbox->mutable_runtime()->set_name(flags.runtime);
    *sandbox->mutable_labels() = config.labels();
    *sandbox->mutable_created_at() = google::protobuf::util::TimeUtil::GetCurrentTime();
    return request;
  });
}

}  // namespace podsandbox::ctl
