#include "services/oci/seccomp.hpp"

#include <string_view>

#include "proto/cri.pb.h"
#include "services/oci/default_seccomp.hpp"
#include "services/oci/refusal.hpp"
#include "services/oci/seccomp_file.hpp"

namespace podsandbox::oci {

namespace {

using ::runtime::v1::SecurityProfile;
using Kind = SeccompChoice::Kind;

constexpr std::string_view localhost = "localhost/";
const std::string field = "config.linux.security_context.seccomp";

std::string without_prefix(const std::string& file) {
  return file.starts_with(localhost) ? file.substr(localhost.size()) : file;
}

tl::expected<SeccompChoice, std::string> of_profile(const SecurityProfile& profile) {
  if (!SecurityProfile::ProfileType_IsValid(profile.profile_type())) {
    return tl::unexpected<std::string>("it is of no known type");
  }
  const std::string file = without_prefix(profile.localhost_ref());
  if ((profile.profile_type() == SecurityProfile::Localhost) == profile.localhost_ref().empty()) {
    return tl::unexpected<std::string>(
        "localhost_ref goes with a profile of type Localhost, and with no other");
  }
  if (profile.profile_type() == SecurityProfile::Unconfined) return SeccompChoice{};
  if (profile.profile_type() == SecurityProfile::RuntimeDefault)
    return SeccompChoice{Kind::runtime_default, ""};
  return SeccompChoice{Kind::file, file};
}

tl::expected<SeccompChoice, std::string> of_name(const std::string& name) {
  if (name.empty() || name == "unconfined") return SeccompChoice{};
  if (name == "runtime/default" || name == "docker/default") return SeccompChoice{Kind::runtime_default, ""};
  if (name.starts_with(localhost)) return SeccompChoice{Kind::file, without_prefix(name)};
  return tl::unexpected<std::string>("it is no known profile");
}

// A path from a client; nothing is read here, but somebody is told to.
std::string what_is_wrong_with(const SeccompChoice& choice, const HostFacts& host) {
  if (choice.kind == Kind::none) return "";
  if (!host.seccomp) return "this host's kernel has no seccomp filters";
  if (choice.kind != Kind::file) return "";
  const bool is_path = choice.file.starts_with('/') && choice.file.find('\0') == std::string::npos;
  return is_path ? "" : "its file is no absolute path";
}

Result<SeccompChoice> configured(const Inputs& inputs) {
  const auto choice = of_name(inputs.settings.handler.unset_seccomp_profile);
  const auto wrong = choice ? what_is_wrong_with(*choice, inputs.host) : choice.error();
  if (wrong.empty()) return *choice;
  return failure(ErrorKind::failed_precondition,
                 "the setting unset_seccomp_profile: " + wrong + "; change it");
}

}  // namespace

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // clients still send it
Result<SeccompChoice> choose_seccomp(const Inputs& inputs) {
  const auto& security = inputs.sandbox.config->linux().security_context();
  if (security.privileged()) return SeccompChoice{};
  std::string from = field;
  tl::expected<SeccompChoice, std::string> choice;
  if (security.has_seccomp()) {
    choice = of_profile(security.seccomp());
  } else if (!security.seccomp_profile_path().empty()) {
    from = field + "_profile_path";
    choice = of_name(security.seccomp_profile_path());
  } else {
    return configured(inputs);
  }
  if (!choice) return refuse(from, choice.error());
  const auto wrong = what_is_wrong_with(*choice, inputs.host);
  if (!wrong.empty()) return refuse(from, wrong);
  return *choice;
}
#pragma GCC diagnostic pop

Result<nlohmann::json> seccomp_filter(const Inputs& inputs, const SeccompChoice& choice,
                                      const std::string& text) {
  if (choice.kind == Kind::none) return nullptr;
  if (choice.kind == Kind::runtime_default) return default_seccomp(inputs.host.architecture);
  auto filter = read_seccomp(text);
  if (!filter) return refuse(field, "the profile " + choice.file + ": " + filter.error());
  return std::move(*filter);
}

}  // namespace podsandbox::oci
