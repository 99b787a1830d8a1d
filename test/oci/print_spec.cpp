// Prints the spec that the builder makes of one sandbox, or an error, as one line of JSON for each line of
// JSON that it reads: {"id", "netns_path", "runtime", "config" (as protobuf's JSON), "image" (an OCI image's
// configuration), "passwd", "group", "settings" {"pod_annotations", "restrict_oom_score_adj", "image",
// "root_dir", "state_dir"}, "host" {"name", "architecture", "oom_score_adj"}}. A seccomp profile is read from
// the file that the config names.
#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "proto/cri.pb.h"
#include "services/oci/image_config.hpp"
#include "services/oci/pause_spec.hpp"

namespace {

using namespace podsandbox;
using nlohmann::json;

SandboxSpec sandbox_of(const json& from) {
  auto config = std::make_shared<::runtime::v1::PodSandboxConfig>();
  const auto status = google::protobuf::util::JsonStringToMessage(from.at("config").dump(), config.get());
  if (!status.ok()) throw std::runtime_error(status.ToString());
  SandboxSpec sandbox;
  sandbox.id = from.at("id");
  sandbox.netns_path = from.at("netns_path");
  sandbox.runtime_name = from.at("runtime");
  sandbox.config = std::move(config);
  return sandbox;
}

oci::Settings settings_of(const json& from) {
  oci::Settings settings;
  settings.handler.restrict_oom_score_adj = from.at("restrict_oom_score_adj");
  settings.handler.pod_annotations = from.at("pod_annotations");
  settings.image = from.at("image");
  settings.root_dir = from.at("root_dir");
  settings.state_dir = from.at("state_dir");
  return settings;
}

oci::HostFacts host_of(const json& from) {
  oci::HostFacts host;
  host.name = from.at("name");
  host.architecture = from.at("architecture");
  host.oom_score_adj = from.at("oom_score_adj");
  return host;
}

json error(const Error& error) {
  return {{"error", error.message}, {"invalid", error.kind == ErrorKind::invalid_argument}};
}

json answer(const json& from) {
  const auto sandbox = sandbox_of(from);
  const auto settings = settings_of(from.at("settings"));
  const auto host = host_of(from.at("host"));
  const auto image = oci::read_image_config(from.at("image").dump());
  if (!image) return error({ErrorKind::failed_precondition, image.error()});
  const oci::Inputs inputs{sandbox, *image, settings, host};
  const auto choices = oci::choose(inputs);
  if (!choices) return error(choices.error());
  oci::Files files;
  std::ifstream profile(choices->seccomp.file);
  files.seccomp.assign(std::istreambuf_iterator<char>(profile), {});
  if (from.contains("passwd")) files.accounts.passwd = from.at("passwd").get<std::string>();
  if (from.contains("group")) files.accounts.group = from.at("group").get<std::string>();
  const auto made = oci::pause_spec(inputs, *choices, files);
  if (!made) return error(made.error());
  return {{"spec", json::parse(oci::payload_of(made->spec).value)}};
}

}  // namespace

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) std::cout << answer(json::parse(line)) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "print_spec: " << error.what() << "\n";
    return 1;
  }
}
