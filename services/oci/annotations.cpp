#include "services/oci/annotations.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "proto/cri.pb.h"

namespace podsandbox::oci {

std::map<std::string, std::string> annotations_of(const Inputs& inputs) {
  const std::string prefix = "io.kubernetes.cri.";
  const auto& config = *inputs.sandbox.config;
  std::map<std::string, std::string> all;
  for (const auto& [key, value] : config.annotations()) {
    const auto& patterns = inputs.settings.handler.pod_annotations;
    const bool passes = std::any_of(patterns.begin(), patterns.end(), [&key = key](const std::string& one) {
      return fnmatch(one.c_str(), key.c_str(), FNM_PATHNAME) == 0;
    });
    if (passes) all[key] = value;
  }
  // After those of the pod, which must not pass for another one.
  all[prefix + "container-type"] = "sandbox";
  all[prefix + "sandbox-id"] = inputs.sandbox.id;
  all[prefix + "sandbox-name"] = config.metadata().name();
  all[prefix + "sandbox-namespace"] = config.metadata().namespace_();
  all[prefix + "sandbox-uid"] = config.metadata().uid();
  all[prefix + "sandbox-log-directory"] = config.log_directory();
  all[prefix + "podsandbox.image-name"] = inputs.settings.image;
  if (config.linux().has_resources()) {
    const auto& resources = config.linux().resources();
    all[prefix + "sandbox-cpu-period"] = std::to_string(resources.cpu_period());
    all[prefix + "sandbox-cpu-quota"] = std::to_string(resources.cpu_quota());
    all[prefix + "sandbox-cpu-shares"] = std::to_string(resources.cpu_shares());
    all[prefix + "sandbox-memory"] = std::to_string(resources.memory_limit_in_bytes());
  }
  return all;
}

}  // namespace podsandbox::oci
